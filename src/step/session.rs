//! One virtual user in one iteration: values, connections, and the moments later steps refer to.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::{Request, Uri};

use super::context::Context;
use super::realtime::Realtime;
use super::render::VariableValue;
use crate::clock::Moment;
use crate::metrics::Outcome;
use crate::plan::{Method, StepId, Variables};
use crate::protocol::{Answer, HttpConnection};

/// The state of one iteration.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) context: Rc<Context>,
    pub(super) ticket: u64,
    pub(super) warm_up: bool,
    pub(super) token: Option<String>,
    pub(super) values: Vec<VariableValue>,
    /// When the next step should begin: the scheduled arrival, then the end of the step before plus think time.
    pub(super) intended: Moment,
    pub(super) http: Option<HttpConnection>,
    pub(super) realtime: Option<Realtime>,
    /// The latest sending of each request step, for the steps that wait for its outcome.
    triggers: Vec<(StepId, Trigger)>,
    /// How many draws of each kind were taken: the n in (seed, ticket, purpose, n).
    pub(super) thinks: u64,
    pub(super) idempotency_keys: u64,
    recordings: u64,
    /// Whether a request was begun in this iteration, for whoever accounts for its ticket.
    pub(super) has_requested: Rc<Cell<bool>>,
}

/// A request whose outcome is waited for.
#[derive(Debug, Clone)]
pub(super) struct Trigger {
    pub(super) intended: Moment,
    pub(super) sent: Moment,
    /// What was handed in: kind and reference.
    pub(super) submission: Option<(String, String)>,
}

/// A request as it goes out.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Option<Bytes>,
    pub(super) timeout: Duration,
}

/// How an exchange ended, with the moments that are measured.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) dispatched: Moment,
    pub(super) sent: Moment,
    pub(super) done: Moment,
    pub(super) result: Result<Answer, Outcome>,
}

impl Session {
    pub(crate) fn new(
        context: Rc<Context>,
        ticket: u64,
        intended: Moment,
        http: Option<HttpConnection>,
        has_requested: Rc<Cell<bool>>,
    ) -> Self {
        let mut values = vec![VariableValue::default(); context.plan.variables.len()];
        values[Variables::USER_ID.index()] =
            VariableValue::text(context.identities.user_id(ticket).to_string());
        values[Variables::TICKET.index()] = VariableValue::number(ticket);
        values[Variables::TRANSCRIPT.index()] = VariableValue::text(context.identities.transcript(ticket));
        values[Variables::REPETITION.index()] = VariableValue::number(0);
        Self {
            ticket,
            warm_up: context.is_warm_up(intended),
            token: context.identities.token(ticket),
            values,
            intended,
            http,
            realtime: None,
            triggers: Vec::new(),
            thinks: 0,
            idempotency_keys: 0,
            recordings: 0,
            has_requested,
            context,
        }
    }

    /// Ends the iteration: waits for the last expected events, closes the realtime socket, gives back the connection.
    pub(crate) async fn finish(self) -> Option<HttpConnection> {
        if let Some(realtime) = self.realtime {
            realtime.finish().await;
        }
        self.http
    }

    /// Makes the next address of a recording: each rendering of `{{recording_url}}` is another recording.
    pub(super) fn next_recording(&mut self) {
        let url = self
            .context
            .identities
            .recording_url(self.ticket, self.recordings);
        self.values[Variables::RECORDING_URL.index()] = VariableValue::text(url);
        self.recordings += 1;
    }

    pub(super) fn set_trigger(&mut self, step: StepId, trigger: Trigger) {
        match self.triggers.iter_mut().find(|(id, _)| *id == step) {
            Some((_, slot)) => *slot = trigger,
            None => self.triggers.push((step, trigger)),
        }
    }

    pub(super) fn trigger(&self, step: StepId) -> Option<&Trigger> {
        self.triggers
            .iter()
            .find(|(id, _)| *id == step)
            .map(|(_, trigger)| trigger)
    }

    /// Sends one request on the user's connection, which is opened when there is none, and reads the answer.
    pub(super) async fn exchange(&mut self, outgoing: Outgoing) -> Exchange {
        let clock = self.context.clock;
        let dispatched = clock.now();
        let timeout = outgoing.timeout;
        // Until the request is on its way, a failure is one of the connection.
        let mut sent = None;
        let result = tokio::time::timeout(timeout, self.send(outgoing, &mut sent)).await;
        let done = clock.now();
        let result = result.unwrap_or(Err(if sent.is_some() {
            Outcome::Timeout
        } else {
            Outcome::Connect
        }));
        if matches!(
            result,
            Err(Outcome::Timeout | Outcome::Reset | Outcome::Protocol | Outcome::Connect)
        ) {
            // What is still under way on this connection belongs to a request that was given up.
            self.http = None;
        }
        Exchange {
            dispatched,
            sent: sent.unwrap_or(done),
            done,
            result,
        }
    }

    async fn send(&mut self, outgoing: Outgoing, sent: &mut Option<Moment>) -> Result<Answer, Outcome> {
        let request = self.build(outgoing)?;
        if self.http.as_ref().is_none_or(|connection| !connection.is_open()) {
            let stream = self.context.http.connect().await.map_err(|error| {
                tracing::debug!(ticket = self.ticket, %error, "no connection");
                error.outcome()
            })?;
            self.http = Some(
                HttpConnection::open(stream, self.context.http.http_version())
                    .await
                    .map_err(|error| error.outcome())?,
            );
        }
        let Some(connection) = self.http.as_mut() else {
            return Err(Outcome::Connect);
        };
        *sent = Some(self.context.clock.now());
        connection.send(request).await.map_err(|error| {
            tracing::debug!(ticket = self.ticket, %error, "no answer");
            error.outcome()
        })
    }

    /// A path or header that a saved value made invalid is a failed check: the target gave us that value.
    fn build(&self, outgoing: Outgoing) -> Result<Request<Full<Bytes>>, Outcome> {
        let path = match self.context.base_path.as_str() {
            "" => outgoing.path,
            base => format!("{base}{}", outgoing.path),
        };
        let uri = Uri::try_from(path).map_err(|_| Outcome::Check)?;
        let mut request = Request::new(Full::new(outgoing.body.clone().unwrap_or_default()));
        *request.uri_mut() = uri;
        *request.method_mut() = match outgoing.method {
            Method::Get => hyper::Method::GET,
            Method::Post => hyper::Method::POST,
            Method::Put => hyper::Method::PUT,
            Method::Patch => hyper::Method::PATCH,
            Method::Delete => hyper::Method::DELETE,
        };
        let headers = request.headers_mut();
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Outcome::Check);
        headers.insert(HOST, value(self.context.http.authority())?);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, value(&format!("Bearer {token}"))?);
        }
        if let Some(key) = self.context.identities.api_key() {
            headers.insert(HeaderName::from_static("apikey"), value(key)?);
        }
        if outgoing.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.extend(outgoing.headers);
        Ok(request)
    }
}
