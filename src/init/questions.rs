//! The questions, and how they are asked.

use std::io::{BufRead, Write};

use super::scenario::Service;
use crate::units::{Rate, Ratio, parse_duration};

/// One thing to know of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    Name,
    Url,
    Request,
    Rate,
    Duration,
    ResponseTime,
    ErrorRate,
}

/// What was answered, or given on the command line.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub name: Option<String>,
    pub url: Option<String>,
    pub request: Option<String>,
    pub rate: Option<String>,
    pub duration: Option<String>,
    pub response_time: Option<String>,
    pub error_rate: Option<String>,
}

impl Question {
    /// All questions, in the order in which they are asked.
    pub const ALL: [Question; 7] = [
        Question::Name,
        Question::Url,
        Question::Request,
        Question::Rate,
        Question::Duration,
        Question::ResponseTime,
        Question::ErrorRate,
    ];

    /// The question in words.
    pub fn words(self) -> &'static str {
        match self {
            Question::Name => "Name of the scenario",
            Question::Url => "Address of the service",
            Question::Request => "A request that users send",
            Question::Rate => "New users per second",
            Question::Duration => "For how long",
            Question::ResponseTime => "95 % of the answers must come within",
            Question::ErrorRate => "At most this share of the requests may fail",
        }
    }

    /// What is taken when nothing is answered.
    pub fn default(self) -> &'static str {
        match self {
            Question::Name => "first",
            Question::Url => "http://127.0.0.1:8080",
            Question::Request => "GET /",
            Question::Rate => "10/s",
            Question::Duration => "30s",
            Question::ResponseTime => "150ms",
            Question::ErrorRate => "1%",
        }
    }

    /// Whether `text` answers it.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what would be right.
    pub fn check(self, text: &str) -> Result<(), String> {
        match self {
            Question::Name => {
                let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
                match !text.is_empty() && text.chars().all(allowed) {
                    true => Ok(()),
                    false => Err("write letters, digits, - and _ only".to_owned()),
                }
            }
            Question::Url => {
                let rest = text
                    .strip_prefix("http://")
                    .or_else(|| text.strip_prefix("https://"));
                match rest.is_some_and(|rest| !rest.is_empty() && !text.contains(['"', '\\', ' '])) {
                    true => Ok(()),
                    false => Err("write an address such as http://127.0.0.1:8080".to_owned()),
                }
            }
            Question::Request => match text.split_once(' ') {
                Some((method, path))
                    if !method.is_empty()
                        && method.chars().all(|letter| letter.is_ascii_uppercase())
                        && path.starts_with('/')
                        && !path.contains(['"', '\\', ' ']) =>
                {
                    Ok(())
                }
                _ => Err("write a method and a path, such as GET /api/items".to_owned()),
            },
            Question::Rate => text.parse::<Rate>().map(drop).map_err(|error| error.to_string()),
            Question::Duration | Question::ResponseTime => {
                parse_duration(text).map(drop).map_err(|error| error.to_string())
            }
            Question::ErrorRate => text.parse::<Ratio>().map(drop).map_err(|error| error.to_string()),
        }
    }
}

impl Answer {
    fn slot(&mut self, question: Question) -> &mut Option<String> {
        match question {
            Question::Name => &mut self.name,
            Question::Url => &mut self.url,
            Question::Request => &mut self.request,
            Question::Rate => &mut self.rate,
            Question::Duration => &mut self.duration,
            Question::ResponseTime => &mut self.response_time,
            Question::ErrorRate => &mut self.error_rate,
        }
    }

    /// The answers with the defaults for what was not answered.
    ///
    /// # Errors
    /// A sentence, when something that was given is no answer.
    pub fn complete(mut self) -> Result<Service, String> {
        let mut taken = Vec::with_capacity(Question::ALL.len());
        for question in Question::ALL {
            let text = self
                .slot(question)
                .take()
                .unwrap_or_else(|| question.default().to_owned());
            question
                .check(&text)
                .map_err(|error| format!("{}: \"{text}\": {error}", question.words()))?;
            taken.push(text);
        }
        let mut taken = taken.into_iter();
        let mut next = || taken.next().unwrap_or_default();
        Ok(Service {
            name: next(),
            url: next(),
            request: next(),
            rate: next(),
            duration: next(),
            response_time: next(),
            error_rate: next(),
        })
    }
}

/// Asks what was not given yet, on `prompt`, and reads the answers from `input`. An empty line takes the default; what
/// is no answer is asked again. The end of the input takes the defaults for the rest.
///
/// # Errors
/// When `input` cannot be read or `prompt` not be written.
pub fn ask(mut given: Answer, input: &mut dyn BufRead, prompt: &mut dyn Write) -> std::io::Result<Answer> {
    for question in Question::ALL {
        if given.slot(question).is_some() {
            continue;
        }
        loop {
            write!(prompt, "{} [{}]: ", question.words(), question.default())?;
            prompt.flush()?;
            let mut line = String::new();
            if input.read_line(&mut line)? == 0 {
                writeln!(prompt)?;
                return Ok(given);
            }
            let text = match line.trim() {
                "" => question.default(),
                text => text,
            };
            match question.check(text) {
                Ok(()) => {
                    *given.slot(question) = Some(text.to_owned());
                    break;
                }
                Err(sentence) => writeln!(prompt, "  {sentence}")?,
            }
        }
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_an_answer() {
        for question in Question::ALL {
            assert_eq!(question.check(question.default()), Ok(()), "{question:?}");
        }
        assert!(Answer::default().complete().is_ok());
    }

    #[test]
    fn what_is_no_answer_is_asked_again_and_what_was_given_is_not_asked() {
        let given = Answer {
            name: Some("shop".to_owned()),
            ..Answer::default()
        };
        let mut input: &[u8] = b"localhost\nhttp://127.0.0.1:9000\n\n20\n20/s\n";
        let mut prompt = Vec::new();
        let answer = ask(given, &mut input, &mut prompt).unwrap();
        let prompt = String::from_utf8(prompt).unwrap();
        assert!(!prompt.contains("Name of the scenario"), "{prompt}");
        assert_eq!(prompt.matches("Address of the service").count(), 2, "{prompt}");
        assert_eq!(prompt.matches("New users per second").count(), 2, "{prompt}");
        let service = answer.complete().unwrap();
        assert_eq!(
            (service.url.as_str(), service.rate.as_str()),
            ("http://127.0.0.1:9000", "20/s")
        );
        assert_eq!(
            (service.request.as_str(), service.duration.as_str()),
            ("GET /", "30s")
        );
    }

    #[test]
    fn nothing_that_is_answered_can_break_out_of_the_file() {
        for (question, text) in [
            (Question::Name, "a\"b"),
            (Question::Url, "http://h\"\nx = 1"),
            (Question::Request, "GET /\" x"),
            (Question::Rate, "1/s\""),
            (Question::Duration, "1s\""),
            (Question::ErrorRate, "1%\""),
        ] {
            assert!(question.check(text).is_err(), "{question:?} {text}");
        }
        let given = Answer {
            rate: Some("fast".to_owned()),
            ..Answer::default()
        };
        assert!(
            given
                .complete()
                .unwrap_err()
                .starts_with("New users per second: \"fast\": ")
        );
    }
}
