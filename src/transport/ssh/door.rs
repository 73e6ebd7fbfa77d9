//! The way from the login to the shell that reads our script, when somebody stands in it and asks for a password.
//!
//! The password is sent only after the question was seen, and the script only after the shell has said that it is there.
//! Sent blindly, a password that nobody wants would be run as a command, and a script line would be tried as a password.

use russh::ChannelWriteHalf;
use russh::client::Msg;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::exec::{After, Input, Then};
use super::frame::{Nonce, find};

/// How a question for a password is recognised on the error output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// By our own words: sudo lets us choose them.
    Nonce,
    /// By a line that ends in a colon and not in a newline.
    OpenLine,
}

/// What is to be run, and who may stand in the way.
pub(super) struct Passage {
    /// The command for the login shell.
    pub(super) command: String,
    /// `None`: nobody asks, the shell reads at once.
    pub(super) guard: Option<Guard>,
}

/// Somebody who may ask, then lets a shell through that prints a word of ours.
pub(super) struct Guard {
    pub(super) nonce: Nonce,
    pub(super) asks: Asks,
    pub(super) password: Option<SecretString>,
    /// The first line of the input is the password's: without a question the shell would share it with whoever waits for it.
    pub(super) must_ask: bool,
}

/// How far we have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// Before the shell; `asked`: the password was wanted.
    Before { asked: bool },
    /// The password was sent and not answered yet.
    Tried,
    /// The password was sent and asked for again: it is wrong.
    Refused,
    /// The shell is there; `tried`: after a password.
    Through { tried: bool },
}

enum Chunk {
    Bytes(Vec<u8>),
    /// Data for the script, once it is ready for them; their end is the end of the input.
    Pieces {
        ready: oneshot::Receiver<()>,
        pieces: mpsc::Receiver<Vec<u8>>,
    },
    End,
}

/// Our side of a passage.
pub(super) struct Door {
    guard: Option<Guard>,
    input: Option<Input>,
    /// What the script prints when it is ready for its data, and who waits for that.
    wanted: Option<(Vec<u8>, oneshot::Sender<()>)>,
    stand: Stand,
    /// So much of the error output was answered.
    answered: usize,
    chunks: UnboundedSender<Chunk>,
}

/// What is to be written on the channel, in its order. Nothing of it is lost while the server grants no command.
pub(super) struct Mail {
    /// Nothing where the shell is there already.
    command: Option<String>,
    /// Whether everything else waits until the command is granted.
    is_patient: bool,
    chunks: UnboundedReceiver<Chunk>,
}

impl Door {
    pub(super) fn new(passage: Passage, input: Input) -> (Self, Mail) {
        let (chunks, taken) = unbounded_channel();
        let mut door = Self {
            guard: passage.guard,
            input: Some(input),
            wanted: None,
            stand: Stand::Before { asked: false },
            answered: 0,
            chunks,
        };
        if door.guard.is_none() {
            door.pass(false);
        }
        let mail = Mail {
            command: Some(passage.command),
            is_patient: true,
            chunks: taken,
        };
        (door, mail)
    }

    /// With a shell that nobody stands before, and which stays: one that `command` begins, else one that reads already.
    ///
    /// The question is not kept back until the command is granted. Where it is not, nothing has run.
    pub(super) fn staying(command: Option<String>, text: Vec<u8>) -> (Self, Mail) {
        let passage = Passage {
            command: String::new(),
            guard: None,
        };
        let then = Then::More;
        let (door, mail) = Self::new(passage, Input { text, then });
        let mail = Mail {
            command,
            is_patient: false,
            ..mail
        };
        (door, mail)
    }

    pub(super) fn stand(&self) -> Stand {
        self.stand
    }

    /// Looks at what the node has said so far, and answers it.
    pub(super) fn look(&mut self, stdout: &[u8], stderr: &[u8]) {
        if let Some((_, ready)) = self
            .wanted
            .take_if(|(mark, _)| find(stdout, mark).is_some())
        {
            // Nobody waits any more when the channel has ended.
            let _ = ready.send(());
        }
        let Some(guard) = &self.guard else {
            return;
        };
        if matches!(self.stand, Stand::Through { .. } | Stand::Refused) {
            return;
        }
        if find(stdout, guard.ready().as_bytes()).is_some() {
            let tried = self.stand == Stand::Tried;
            if guard.must_ask && !tried {
                return self.put(Chunk::End);
            }
            return self.pass(tried);
        }
        let fresh = &stderr[self.answered.min(stderr.len())..];
        let first = self.stand == Stand::Before { asked: false };
        let asks = guard.is_asking(fresh) || (first && guard.is_asking_on_output(stdout));
        if !asks {
            return;
        }
        self.answered = stderr.len();
        match (self.stand, &guard.password) {
            (Stand::Before { .. }, Some(password)) => {
                let line = format!("{}\n", password.expose_secret());
                self.stand = Stand::Tried;
                self.put(Chunk::Bytes(line.into_bytes()));
            }
            (Stand::Before { .. }, None) => {
                self.stand = Stand::Before { asked: true };
                self.put(Chunk::End);
            }
            (Stand::Tried, _) => {
                self.stand = Stand::Refused;
                self.put(Chunk::End);
            }
            (Stand::Refused | Stand::Through { .. }, _) => {}
        }
    }

    fn pass(&mut self, tried: bool) {
        self.stand = Stand::Through { tried };
        if let Some(input) = self.input.take() {
            self.put(Chunk::Bytes(input.text));
            match input.then {
                Then::Data(After { ready, pieces }) => {
                    let (sender, receiver) = oneshot::channel();
                    self.wanted = Some((ready, sender));
                    let ready = receiver;
                    self.put(Chunk::Pieces { ready, pieces });
                }
                Then::End => self.put(Chunk::End),
                Then::More => {}
            }
        }
    }

    fn put(&self, chunk: Chunk) {
        // Whoever writes may have met the end of the channel; that shows as a missing answer.
        let _ = self.chunks.send(chunk);
    }
}

impl Guard {
    /// What the shell prints before it reads.
    pub(super) fn ready(&self) -> String {
        format!("@{} shell", self.nonce)
    }

    /// What sudo is told to ask with.
    pub(super) fn question(&self) -> String {
        format!("@{} asks", self.nonce)
    }

    fn is_asking(&self, fresh: &[u8]) -> bool {
        match self.asks {
            Asks::Nonce => find(fresh, self.question().as_bytes()).is_some(),
            Asks::OpenLine => {
                let text = String::from_utf8_lossy(fresh);
                let line = text.rsplit('\n').next().unwrap_or_default().trim_end();
                line.ends_with([':', '：'])
            }
        }
    }

    /// The su of busybox asks on its output, once, and in no other language. Login scripts print there too, so nothing less
    /// than its whole question counts.
    fn is_asking_on_output(&self, stdout: &[u8]) -> bool {
        let line = stdout.rsplit(|byte| *byte == b'\n').next();
        self.asks == Asks::OpenLine && line == Some(b"Password: ")
    }
}

impl Mail {
    /// Whether a command is still to be asked for, and granted.
    pub(super) fn asks(&self) -> bool {
        self.command.is_some()
    }

    /// Asks for the command, and writes when it is `granted`; at once where nothing is lost by that. Errors here show as a
    /// missing answer, which is what is judged.
    pub(super) async fn send(
        &mut self,
        write: &ChannelWriteHalf<Msg>,
        granted: oneshot::Receiver<()>,
    ) {
        if let Some(command) = &self.command {
            let asked = write.exec(true, command.as_str()).await;
            if asked.is_err() || (self.is_patient && granted.await.is_err()) {
                return;
            }
        }
        while let Some(chunk) = self.chunks.recv().await {
            match chunk {
                Chunk::Bytes(bytes) => {
                    if write.data_bytes(bytes).await.is_err() {
                        return;
                    }
                }
                Chunk::Pieces { ready, mut pieces } => {
                    if ready.await.is_ok() {
                        while let Some(piece) = pieces.recv().await {
                            if write.data_bytes(piece).await.is_err() {
                                return;
                            }
                        }
                    }
                    let _ = write.eof().await;
                    return;
                }
                Chunk::End => {
                    let _ = write.eof().await;
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(asks: Asks, must_ask: bool) -> (Door, Mail, String, String) {
        let guard = Guard {
            nonce: Nonce::new(),
            asks,
            password: Some(SecretString::from("hunter2")),
            must_ask,
        };
        let (ready, question) = (guard.ready(), guard.question());
        let passage = Passage {
            command: String::new(),
            guard: Some(guard),
        };
        let input = Input::text(b"script".to_vec());
        let (door, mail) = Door::new(passage, input);
        (door, mail, ready, question)
    }

    fn sent(mail: &mut Mail) -> Vec<u8> {
        let mut all = Vec::new();
        while let Ok(Chunk::Bytes(bytes)) = mail.chunks.try_recv() {
            all.extend(bytes);
        }
        all
    }

    #[test]
    fn the_script_waits_for_the_shell_and_the_password_for_the_question() {
        let (mut door, mut mail, ready, question) = door(Asks::Nonce, false);
        door.look(b"Welcome\n", b"Password: ");
        assert_eq!(sent(&mut mail), b"", "not our question");
        door.look(b"Welcome\n", format!("lecture\n{question}").as_bytes());
        assert_eq!(sent(&mut mail), b"hunter2\n");
        door.look(b"", format!("lecture\n{question}").as_bytes());
        assert_eq!(sent(&mut mail), b"", "one question, one answer");
        door.look(format!("noise\n{ready}\n").as_bytes(), b"");
        assert_eq!(sent(&mut mail), b"script");
        assert_eq!(door.stand(), Stand::Through { tried: true });
    }

    #[test]
    fn a_password_that_is_asked_for_again_is_wrong_and_not_repeated() {
        let (mut door, mut mail, _, question) = door(Asks::Nonce, false);
        door.look(b"", question.as_bytes());
        door.look(
            b"",
            format!("{question}\nSorry, try again.\n{question}").as_bytes(),
        );
        assert_eq!(sent(&mut mail), b"hunter2\n");
        assert_eq!(door.stand(), Stand::Refused);
    }

    #[test]
    fn a_question_on_the_output_is_answered_once() {
        let (mut door, mut mail, ready, _) = door(Asks::OpenLine, false);
        door.look(b"Your Password: ", b"");
        assert_eq!(sent(&mut mail), b"", "not as busybox asks");
        for _ in 0..2 {
            door.look(b"Welcome\nPassword: ", b"");
        }
        assert_eq!(sent(&mut mail), b"hunter2\n");
        door.look(format!("Welcome\nPassword: \n{ready}\n").as_bytes(), b"");
        assert_eq!(sent(&mut mail), b"script");
    }

    #[test]
    fn a_password_that_nobody_wants_is_not_sent() {
        for (must_ask, expected) in [(false, "script"), (true, "")] {
            let (mut door, mut mail, ready, _) = door(Asks::OpenLine, must_ask);
            door.look(b"", b"a warning: something\n");
            door.look(format!("{ready}\n").as_bytes(), b"a warning: something\n");
            assert_eq!(sent(&mut mail), expected.as_bytes());
        }
    }
}
