//! Somebody who answers what a login asks, from a list.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdpoint::transport::ssh::{ConnectFailure, Credentials, Endpoint, Session};
use secrecy::SecretString;
use tokio::sync::mpsc::unbounded_channel;

/// Answers each question by the first entry whose word stands in it; every entry is used once.
#[derive(Clone, Default)]
pub struct Human {
    /// How long a question within a connection waits for its answer.
    thinks: Duration,
    answers: Arc<Mutex<Vec<(&'static str, &'static str)>>>,
    /// Every question, in its order.
    pub asked: Arc<Mutex<Vec<String>>>,
}

impl Human {
    pub fn who_answers(answers: &[(&'static str, &'static str)]) -> Self {
        Self {
            thinks: Duration::ZERO,
            answers: Arc::new(Mutex::new(answers.to_vec())),
            asked: Arc::default(),
        }
    }

    /// The same, and takes so long for each answer within a connection.
    pub fn thinking(self, thinks: Duration) -> Self {
        Self { thinks, ..self }
    }

    fn answer(&self, question: &str) -> SecretString {
        self.asked.lock().unwrap().push(question.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let at = answers.iter().position(|(word, _)| question.contains(word));
        let at = at.unwrap_or_else(|| panic!("nobody knows an answer to {question:?}"));
        SecretString::from(answers.remove(at).1)
    }

    /// Connects as often as questions come up that this human can answer.
    pub async fn connect(
        &self,
        endpoint: &Endpoint,
        credentials: &mut Credentials,
    ) -> Result<Session, ConnectFailure> {
        for _ in 0..10 {
            match self.try_once(endpoint, credentials).await {
                Err(ConnectFailure::PasswordWanted(wanted)) => {
                    let answer = self.answer(&wanted.to_string());
                    credentials.vault().give(&wanted, answer);
                }
                Err(ConnectFailure::PassphraseWanted { path, .. }) => {
                    let answer = self.answer(&format!("passphrase of {}", path.display()));
                    credentials.add_passphrase(&path, answer);
                }
                other => return other,
            }
        }
        panic!("the questions never end: {:?}", self.questions());
    }

    /// Connects once; only what is asked within the connection is answered.
    pub async fn try_once(
        &self,
        endpoint: &Endpoint,
        credentials: &Credentials,
    ) -> Result<Session, ConnectFailure> {
        let (asker, mut questions) = unbounded_channel();
        let asking = credentials.asking(asker, None);
        let human = self.clone();
        let answering = tokio::spawn(async move {
            while let Some(question) = questions.recv().await {
                let answer = human.answer(&question.text);
                if !human.thinks.is_zero() {
                    // Nothing else is under way: the clock need not be waited for.
                    tokio::time::pause();
                    tokio::time::sleep(human.thinks).await;
                    tokio::time::resume();
                }
                let _ = question.answer.send(answer);
            }
        });
        let session = Session::connect(endpoint, &asking).await;
        drop(asking);
        answering.await.expect("every question has an answer");
        session
    }

    pub fn questions(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}
