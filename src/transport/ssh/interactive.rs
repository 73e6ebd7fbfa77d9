//! Keyboard-interactive (RFC 4256): the server asks, in as many rounds as it likes; the known password answers the question
//! for it, and a human everything else.

use russh::client::{KeyboardInteractiveAuthResponse as Reply, Prompt};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;

use super::ask::Turn;
use super::auth::{Answer, Login};
use super::failure::{ConnectFailure, Stage};
use super::owed;
use super::vault::Loan;
use crate::model::text::Cleaner;

/// A server that asks more rounds, or more in one of them, is not asking us.
const MOST_ROUNDS: usize = 16;
const MOST_PROMPTS: usize = 16;
/// More of a question (characters) is not shown.
const TEXT_LIMIT: usize = 400;

/// A new password is not ours to choose, and not one for each node in the middle of an upgrade.
const MUST_CHANGE: &str =
    "its password has to be changed first: log in once with ssh, in a terminal, and change it";

/// What answers one round.
struct Answers {
    texts: Vec<String>,
    loan: Option<Loan>,
    /// A human typed one of them.
    by_hand: bool,
}

impl Login<'_> {
    /// One conversation, from its beginning to the server's yes or no.
    pub(super) async fn converse(&mut self) -> Result<Answer, ConnectFailure> {
        let again = self.rounds_left < super::auth::rounds(self.endpoint);
        self.rounds_left -= 1;
        self.tried.push("keyboard-interactive".into());
        let user = self.endpoint.user.clone();
        let begun = self
            .handle
            .authenticate_keyboard_interactive_start(user, None);
        let mut reply = begun.await.map_err(|error| self.gone(&error))?;
        let mut loan: Option<Loan> = None;
        let mut turn: Option<Turn<'_>> = None;
        let credentials = self.credentials;
        let mut by_hand = false;
        for _ in 0..MOST_ROUNDS {
            let (instructions, prompts) = match reply {
                Reply::Success => {
                    if by_hand {
                        credentials.vault().entered_by_hand(&self.endpoint.node);
                    }
                    return self.over(loan, Answer::In);
                }
                Reply::Failure {
                    remaining_methods,
                    partial_success,
                } => {
                    if partial_success && by_hand {
                        credentials.vault().entered_by_hand(&self.endpoint.node);
                    }
                    let answer = self.read_failure(remaining_methods, partial_success)?;
                    return self.over(loan, answer);
                }
                Reply::InfoRequest {
                    name,
                    instructions,
                    prompts,
                } => (format!("{name} {instructions}"), prompts),
            };
            if prompts.len() > MOST_PROMPTS {
                return Err(self.not_answered("it asks more questions at once than anybody would"));
            }
            if prompts
                .iter()
                .any(|prompt| is_change(&instructions, &prompt.prompt))
            {
                return Err(self.not_answered(MUST_CHANGE));
            }
            let mut answers = Answers {
                texts: Vec::new(),
                loan: loan.take(),
                by_hand,
            };
            for prompt in &prompts {
                let text = question(&self.endpoint.node, &instructions, prompt, again);
                if is_password(prompt) && !self.password_used && answers.loan.is_none() {
                    let lent = self.borrow_password().await?;
                    answers.texts.push(lent.secret().expose_secret().to_owned());
                    answers.loan = Some(lent);
                    continue;
                }
                if turn.is_none() {
                    turn = Some(credentials.take_turn()?);
                }
                let answer = match &turn {
                    Some(turn) if self.can_ask() => self.ask(turn, text).await?,
                    Some(_) | None => None,
                };
                let Some(answer) = answer else {
                    let why = format!("it asks {:?}, and nobody is there to answer", prompt.prompt);
                    return Err(self.not_answered(&why));
                };
                answers.by_hand = true;
                answers.texts.push(exposed(&answer));
            }
            (loan, by_hand) = (answers.loan, answers.by_hand);
            let answered = self
                .handle
                .authenticate_keyboard_interactive_respond(answers.texts);
            reply = answered.await.map_err(|error| self.gone(&error))?;
        }
        Err(self.not_answered("it asks without end"))
    }

    /// The human's answer, for which they have time of their own: the login's limit stands still.
    async fn ask(
        &self,
        turn: &Turn<'_>,
        text: String,
    ) -> Result<Option<SecretString>, ConnectFailure> {
        let limit = owed::whole_limit(self.endpoint.connect_timeout);
        // Without it a question would outlive a server that has hung up meanwhile: the library does not look.
        let asking = timeout(limit, turn.ask(text));
        let answered = self.whole.of_human(asking).await;
        answered.map_err(|_| ConnectFailure::TimedOut {
            stage: Stage::Answer,
            limit,
        })
    }

    fn over(&mut self, loan: Option<Loan>, answer: Answer) -> Result<Answer, ConnectFailure> {
        match loan {
            Some(loan) => self.settle(loan, answer),
            None => Ok(answer),
        }
    }

    fn not_answered(&self, why: &str) -> ConnectFailure {
        let mut tried = self.tried.clone();
        tried.push(why.to_owned());
        ConnectFailure::LoginRefused {
            user: self.endpoint.user.clone(),
            tried,
            remaining: Vec::new(),
            server_said: None,
        }
    }
}

fn exposed(secret: &SecretString) -> String {
    secret.expose_secret().to_owned()
}

/// Whether this is the question for the account's password, as PAM and the BSDs ask it. Anything about a new one, a code or a
/// token is for a human.
fn is_password(prompt: &Prompt) -> bool {
    let text = prompt.prompt.to_lowercase();
    let other = [
        "new", "retype", "again", "one-time", "otp", "token", "code", "pin",
    ];
    let named = |word: &str| {
        text.split(|c: char| !c.is_alphanumeric() && c != '-')
            .any(|part| part == word)
    };
    !prompt.echo && text.contains("password") && !other.iter().any(|word| named(word))
}

/// Whether a new password is to be given, as PAM asks for it when the old one has expired.
fn is_change(instructions: &str, prompt: &str) -> bool {
    let text = format!("{instructions} {prompt}").to_lowercase();
    let asks = |words: &str| text.contains(words);
    asks("change your password")
        || asks("password has expired")
        || asks("password expired")
        || asks("new password")
}

/// The question as a human reads it: which node asks, and nothing that could move a cursor.
fn question(node: &str, instructions: &str, prompt: &Prompt, again: bool) -> String {
    let again = if again {
        " (the last answer was refused)"
    } else {
        ""
    };
    let said = [clean(instructions), clean(&prompt.prompt)];
    let said: Vec<&str> = said
        .iter()
        .map(String::as_str)
        .filter(|text| !text.is_empty())
        .collect();
    format!("answer to {node}: {:?}{again}", said.join(" "))
}

fn clean(text: &str) -> String {
    let mut cleaner = Cleaner::new();
    let mut lines = cleaner.feed(text.as_bytes());
    lines.extend(cleaner.finish());
    let words: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    let text = words.join(" ");
    text.trim().chars().take(TEXT_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(text: &str, echo: bool) -> Prompt {
        Prompt {
            prompt: text.into(),
            echo,
        }
    }

    #[test]
    fn only_the_accounts_password_is_answered_by_itself() {
        for text in [
            "Password: ",
            "ana's password:",
            "(ana@st1) Password:",
            "Current password:",
        ] {
            assert!(is_password(&prompt(text, false)), "{text}");
        }
        for text in [
            "New password: ",
            "Retype new password:",
            "One-time password (OTP):",
            "Verification code: ",
            "Password + token:",
            "PIN:",
            "",
        ] {
            assert!(!is_password(&prompt(text, false)), "{text}");
        }
        assert!(!is_password(&prompt("Password: ", true)));
    }

    #[test]
    fn a_question_names_its_node_and_cannot_move_the_cursor() {
        let asked = question("st1", "\x1b[2JDuo\n", &prompt("Code:\x07 ", false), true);
        assert_eq!(
            asked,
            "answer to st1: \"Duo Code:\" (the last answer was refused)"
        );
    }
}
