//! The node's side alone: each act at the wheel is done once by its number, and it knows which keys it wrote.

use std::fs;

use holdpoint::model::wheel::Keys;
use holdpoint::transport::job::{
    self, AnswerLine, Hand, JobAnswer, JobFailure, JobSpec, Refusal, Wheel,
};
use holdpoint::transport::ssh::Session;
use secrecy::SecretString;

use crate::support::endpoint::session;
use crate::support::job::{finish, folder, spec, start};
use crate::support::sshd::Sshd;
use crate::support::{eventually, tool};

/// Draws a screen, shows the number of each byte that it reads, and ends at `q`.
pub const PROGRAM: &str = r#"
stty -icanon -echo min 1 time 0
printf '\033[2J\033[H\033[7mMENU\033[0m '
while :; do
  key=$(dd bs=1 count=1 2>/dev/null | od -An -tu1 | tr -d ' ')
  printf '<%s>' "$key"
  [ "$key" != 113 ] || break
done
printf '\r\nbye\r\n'
"#;

fn program(id: &str) -> JobSpec {
    JobSpec {
        asks: true,
        terminal: true,
        ..spec(id, PROGRAM)
    }
}

fn log(node: &Sshd, job: &JobSpec) -> String {
    String::from_utf8_lossy(&fs::read(folder(node, job).join("log")).unwrap_or_default()).into()
}

async fn type_in(
    session: &Session,
    job: &JobSpec,
    before: u64,
    act: u64,
    keys: &str,
) -> Result<JobAnswer, JobFailure> {
    let keys = Keys::new(keys.into(), 1);
    let does = Wheel::Type {
        before,
        keys: &keys,
    };
    job::wheel(session, &job.id, act, does).await
}

fn hand(answer: &JobAnswer) -> Hand {
    answer.hand.expect("a job that reads has a mark")
}

fn refusal(result: Result<JobAnswer, JobFailure>) -> Refusal {
    match result {
        Err(JobFailure::Refused { refusal, .. }) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn keys_are_typed_once_however_often_they_are_sent_and_never_late() {
    let (Some(_), Some(node)) = (tool("script"), Sshd::start("wheel", "127.0.130.2")) else {
        return;
    };
    let session = session(&node).await;
    let job = program("r.wheel.1");
    start(&session, &job).await;
    eventually("it draws", || log(&node, &job).contains("MENU"));
    let early = type_in(&session, &job, 0, 1, "x").await;
    assert_eq!(refusal(early), Refusal::Wheel, "nobody has the wheel");
    for _ in 0..2 {
        let taken = job::wheel(&session, &job.id, 1, Wheel::Take)
            .await
            .expect("taken");
        assert!(hand(&taken).held && hand(&taken).act == 1);
    }
    // An arrow, a letter with an umlaut and a NUL: bytes, whatever they are.
    let sends = [(); 5].map(|()| {
        let (session, job) = (session.clone(), job.clone());
        tokio::spawn(async move { type_in(&session, &job, 1, 2, "\x1b[A\u{e4}%\0").await })
    });
    for sent in sends {
        match sent.await.expect("no panic") {
            Ok(answer) => assert_eq!((hand(&answer).act, hand(&answer).typed), (2, 2)),
            refused => assert_eq!(refusal(refused), Refusal::Wheel),
        }
    }
    let arrow = "<27><91><65><195><164><37><0>";
    eventually("the arrow arrives", || log(&node, &job).contains(arrow));
    // Whoever gives up on keys makes sure of it first.
    let settled = job::wheel(&session, &job.id, 4, Wheel::Settle)
        .await
        .expect("settled");
    assert_eq!(
        (
            hand(&settled).act,
            hand(&settled).typed,
            hand(&settled).unsure
        ),
        (4, 2, 2)
    );
    for act in [3, 4] {
        let late = type_in(&session, &job, act - 1, act, "L")
            .await
            .expect("it is told where it stands");
        assert_eq!(hand(&late).typed, 2, "what comes late is not typed");
    }
    type_in(&session, &job, 4, 5, "z").await.expect("typed");
    let answer = AnswerLine::new(SecretString::from("no")).expect("a line");
    let printed = log(&node, &job).len() as u64;
    let meanwhile = job::answer(&session, &job.id, printed, &answer).await;
    assert_eq!(
        refusal(meanwhile),
        Refusal::MovedOn,
        "answers wait while a human types"
    );
    eventually("z arrives", || log(&node, &job).ends_with("<122>"));
    let back = job::wheel(&session, &job.id, 6, Wheel::HandBack)
        .await
        .expect("back");
    let end = log(&node, &job).len() as u64;
    assert_eq!(
        (back.handed, hand(&back).held, hand(&back).act),
        (Some(end), false, 6)
    );
    let old = job::answer_in_turn(&session, &job.id, end, Some(0), &answer).await;
    assert_eq!(
        refusal(old),
        Refusal::MovedOn,
        "decided before the human typed"
    );
    let after = type_in(&session, &job, 6, 7, "x").await;
    assert_eq!(refusal(after), Refusal::Wheel);
    let answer = AnswerLine::new(SecretString::from("q")).expect("a line");
    let answered = job::answer_in_turn(&session, &job.id, end, Some(6), &answer).await;
    assert_eq!(
        answered.expect("the procedure answers again").answered,
        [end]
    );
    let (_, output) = finish(&session, &job).await;
    let output = String::from_utf8_lossy(&output).into_owned();
    assert_eq!(output.matches(arrow).count(), 1, "{output}");
    assert!(
        output.contains("<122><113>") && !output.contains("<76>"),
        "{output}"
    );
    let ended = job::wheel(&session, &job.id, 9, Wheel::Take).await;
    assert_eq!(refusal(ended), Refusal::Ended);
    job::ack(&session, &job.id).await.expect("acknowledged");
    let left = fs::read_dir(folder(&node, &job)).expect("a folder");
    let left: Vec<_> = left.map(|file| file.expect("a file").file_name()).collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().starts_with("hand")),
        "{left:?}"
    );
}

#[tokio::test]
async fn whoever_is_cut_down_amid_typing_leaves_a_doubt_that_is_told() {
    let (Some(_), Some(node)) = (tool("script"), Sshd::start("wheel", "127.0.130.3")) else {
        return;
    };
    let session = session(&node).await;
    let job = program("r.cut.1");
    start(&session, &job).await;
    eventually("it draws", || log(&node, &job).contains("MENU"));
    job::wheel(&session, &job.id, 1, Wheel::Take)
        .await
        .expect("taken");
    // What a connection leaves behind that was cut down between making the mark its own and writing.
    let mark = |name: &str| folder(&node, &job).join(name);
    fs::rename(mark("hand.1.held.0.0"), mark("hand.2.typing.1.2")).expect("the mark");
    let settled = job::wheel(&session, &job.id, 2, Wheel::Settle)
        .await
        .expect("settled");
    let told = hand(&settled);
    assert_eq!(
        (told.act, told.typed, told.unsure),
        (2, 1, 2),
        "nobody knows about act 2"
    );
    type_in(&session, &job, 2, 3, "q")
        .await
        .expect("it goes on");
    let (_, output) = finish(&session, &job).await;
    assert!(String::from_utf8_lossy(&output).contains("<113>"));
}

#[tokio::test]
async fn a_job_that_reads_nothing_has_no_wheel() {
    let Some(node) = Sshd::start("wheel", "127.0.130.4") else {
        return;
    };
    let session = session(&node).await;
    let job = spec(
        "r.deaf.1",
        "while [ ! -e \"$HOME/go\" ]; do sleep 0.05; done",
    );
    start(&session, &job).await;
    let taken = job::wheel(&session, &job.id, 1, Wheel::Take).await;
    assert_eq!(refusal(taken), Refusal::Tools);
    fs::write(node.home.join("go"), "").expect("a file");
    finish(&session, &job).await;
}
