//! The contract, clause by clause. Each is a small story that does not know which kind of node it is told on.

mod jobs;
mod links;
mod looks;
mod uploads;

use std::future::Future;
use std::pin::Pin;

use anyhow::Result;

use super::bench::Bench;

pub use looks::checks;

/// A story on a bench; an error says what was not kept.
pub type Story<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// One rule, and the story that shows whether it is kept.
#[derive(Clone, Copy)]
pub struct Clause {
    pub rule: &'static str,
    pub story: for<'a> fn(&'a mut Bench) -> Story<'a>,
}

macro_rules! clauses {
    ($($rule:literal => $story:path,)+) => {
        [$(Clause {
            rule: $rule,
            story: |bench| Box::pin($story(bench)),
        }),+]
    };
}

/// The whole contract, in the order of the table.
pub const ALL: [Clause; 25] = clauses! {
    "a connection tells the host key that was checked, the login and the boot" => links::tells_whom_it_met,
    "an unknown host key is asked about, and an answer about another key is none" => links::asks_about_an_unknown_key,
    "an unknown host key that is not accepted is refused" => links::refuses_what_was_not_accepted,
    "a changed host key lets nobody in, and nobody is asked whether it is known" => links::lets_no_changed_key_in,
    "a login that is refused says what was offered" => links::says_what_was_offered,
    "a link that is lost is told, and comes back by itself to the same boot" => links::comes_back,
    "a peer that falls silent is noticed" => links::notices_silence,
    "a node that boots shows another boot, and its job is told as vanished" => links::sees_another_boot,
    "a probe's reading comes with its facts" => looks::reads_facts,
    "a check tells what it printed" => looks::checks,
    "a read-only step tells its lines and its end, and starts no job" => looks::reads,
    "questions are answered while a job runs, over one connection" => looks::answers_meanwhile,
    "a long script and a long answer arrive whole" => looks::carries_much,
    "a job starts once, however often it is asked for" => jobs::starts_once,
    "a job's output is whole and told once, over a link that was cut" => jobs::loses_no_line,
    "a job's exit code is told as it was" => jobs::tells_the_code,
    "a job that was killed is told with its signal" => jobs::tells_the_signal,
    "a job is cancelled when somebody says so" => jobs::cancels,
    "a job that was never sent is denied" => jobs::denies_what_was_never_sent,
    "a job that was denied never starts" => jobs::denies_for_good,
    "what was acknowledged is forgotten, but not that it ran" => jobs::forgets_what_was_acknowledged,
    "whoever comes after us finds the job and all of its output" => jobs::is_found_again,
    "a question of a job is told once and answered once" => jobs::asks_and_is_answered,
    "a file arrives whole with its checksum, and is not sent twice" => uploads::arrives_once,
    "a file goes by SFTP" => uploads::goes_by_sftp,
};
