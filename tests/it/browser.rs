//! A headless Chromium, spoken to by the DevTools protocol: what a person does with a report, and what the page says.

use std::collections::HashMap;
use std::process::Stdio;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::host::{LONGEST_WAIT, within};

/// The names that distributions give the browser.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A page in a browser of its own.
pub(crate) struct Page {
    socket: WebSocketStream<TcpStream>,
    session: String,
    next: u64,
    /// What the page wrote to its console, and every request that it made beside its own file.
    pub(crate) complaints: Vec<String>,
    pub(crate) requests: Vec<String>,
    _browser: Child,
    _profile: TempDir,
}

fn program() -> String {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = NAMES
        .iter()
        .find(|name| std::env::split_paths(&paths).any(|folder| folder.join(name).is_file()));
    (*found.expect("no browser is installed; install chromium")).to_owned()
}

impl Page {
    /// Opens a file in a window of this size.
    pub(crate) async fn open(file: &std::path::Path, width: u32, height: u32) -> Self {
        let profile = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut browser = Command::new(program())
            .args([
                "--headless=new",
                "--remote-debugging-port=0",
                "--no-first-run",
                "--disable-gpu",
            ])
            // In a container the browser's own sandbox cannot be set up; it opens nothing but our own file.
            .args([
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(browser.stderr.take().unwrap()).lines();
        let address = loop {
            let line = within(
                "the browser says where it listens",
                LONGEST_WAIT,
                lines.next_line(),
            )
            .await
            .unwrap()
            .expect("the browser ended");
            if let Some(address) = line.strip_prefix("DevTools listening on ws://") {
                break address.to_owned();
            }
        };
        // What it says later is of no interest, but the pipe must not fill up.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let host = address.split('/').next().unwrap();
        let stream = TcpStream::connect(host).await.unwrap();
        let (socket, _) = tokio_tungstenite::client_async(format!("ws://{address}"), stream)
            .await
            .unwrap();
        let mut page = Self {
            socket,
            session: String::new(),
            next: 0,
            complaints: Vec::new(),
            requests: Vec::new(),
            _browser: browser,
            _profile: profile,
        };
        let target = page
            .call("Target.createTarget", json!({ "url": "about:blank" }))
            .await;
        let attached = page
            .call(
                "Target.attachToTarget",
                json!({ "targetId": target["targetId"], "flatten": true }),
            )
            .await;
        page.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), json!({})).await;
        }
        page.resize(width, height).await;
        let url = format!("file://{}", file.canonicalize().unwrap().display());
        page.call("Page.navigate", json!({ "url": url })).await;
        page.until("Page.loadEventFired").await;
        page
    }

    pub(crate) async fn resize(&mut self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// The value of an expression in the page.
    pub(crate) async fn value(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", asked).await;
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Moves the pointer, or presses or releases its button.
    pub(crate) async fn pointer(&mut self, kind: &str, x: f64, y: f64) {
        let pressed = if kind == "mouseMoved" { 0 } else { 1 };
        let event = json!({
            "type": kind, "x": x, "y": y, "button": "left", "buttons": pressed, "clickCount": pressed,
        });
        self.call("Input.dispatchMouseEvent", event).await;
    }

    /// Presses a key.
    pub(crate) async fn key(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            self.call("Input.dispatchKeyEvent", json!({ "type": kind, "key": key }))
                .await;
        }
    }

    async fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.next += 1;
        let id = self.next;
        let mut request = json!({ "id": id, "method": method, "params": parameters });
        if !self.session.is_empty() {
            request["sessionId"] = json!(self.session);
        }
        self.socket
            .send(Message::text(request.to_string()))
            .await
            .unwrap();
        loop {
            let message = self.message(method).await;
            if message["id"] == json!(id) {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    async fn until(&mut self, event: &str) {
        while self.message(event).await["method"] != event {}
    }

    /// The next message; what the page complains of and asks for is written down on the way.
    async fn message(&mut self, waits_for: &str) -> Value {
        loop {
            let message = within(waits_for, LONGEST_WAIT, self.socket.next())
                .await
                .unwrap()
                .unwrap();
            let Message::Text(text) = message else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            let parameters = &message["params"];
            match message["method"].as_str() {
                Some("Runtime.consoleAPICalled" | "Runtime.exceptionThrown") => {
                    self.complaints.push(parameters.to_string());
                }
                Some("Log.entryAdded") => self.complaints.push(parameters["entry"].to_string()),
                Some("Network.requestWillBeSent") => {
                    self.requests
                        .push(parameters["request"]["url"].as_str().unwrap().to_owned());
                }
                _ => {}
            }
            return message;
        }
    }
}

/// The place of an element on the screen: left, top, width and height.
pub(crate) async fn place(page: &mut Page, selector: &str) -> HashMap<String, f64> {
    let expression = format!(
        "(() => {{ const e = document.querySelector({selector:?}); e.scrollIntoView({{block: 'center'}}); \
         const r = e.getBoundingClientRect(); return {{x: r.x, y: r.y, width: r.width, height: r.height}}; }})()"
    );
    serde_json::from_value(page.value(&expression).await).unwrap()
}
