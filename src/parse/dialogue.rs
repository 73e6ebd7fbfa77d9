//! What a step's program asks while it runs.

use super::reader::Table;
use crate::model::dialogue::{Dialogue, Prompt, Reply};
use crate::model::ids::ParamId;

/// The dialogue of a step, if the file says anything of one.
pub(super) fn dialogue(table: &mut Table<'_>) -> Option<Dialogue> {
    let prompts = table.tables("prompts", "a prompt");
    let dialogue = Dialogue {
        prompts: prompts.into_iter().map(prompt).collect(),
        terminal: table.flag("terminal"),
        silence: table.item("silence").and_then(|item| item.duration()),
    };
    (dialogue != Dialogue::default()).then_some(dialogue)
}

fn prompt(mut table: Table<'_>) -> Prompt {
    let prompt = Prompt {
        id: table.name("id"),
        pattern: pattern(&mut table),
        reply: reply(&mut table),
        times: times(&mut table),
        says: says(&mut table),
    };
    table.finish();
    prompt
}

fn pattern(table: &mut Table<'_>) -> String {
    let Some(item) = table.need("pattern", "'Continue\\? \\[y/N\\]'") else {
        return String::new();
    };
    let pattern = item.full_text().unwrap_or_default();
    if let Err(why) = regex_lite::Regex::new(&pattern) {
        item.complain(
            format!("this is not a regular expression: {why}"),
            "write `\\?`, `\\[` and `\\(` for the characters themselves, and the whole in single quotes",
        );
    }
    pattern
}

fn reply(table: &mut Table<'_>) -> Reply {
    let answer = table.item("answer");
    let secret = table.item("secret").and_then(|item| item.name());
    let ask = table.optional_text("ask");
    let nothing = Reply::Text(String::new());
    match (answer, secret, ask) {
        (Some(answer), None, None) => Reply::Text(answer.text().unwrap_or_default().to_string()),
        (None, Some(secret), None) => Reply::Secret(ParamId::new(secret)),
        (None, None, Some(ask)) => Reply::Operator(ask),
        (None, None, None) => {
            table.complain(
                "nothing tells what this prompt is answered",
                "add `answer = \"y\"`, `secret = \"a parameter\"`, or `ask = \"what the operator must know\"`",
            );
            nothing
        }
        (Some(_), _, _) | (None, Some(_), Some(_)) => {
            table.complain(
                "a prompt has one of `answer`, `secret` and `ask`",
                "remove the others",
            );
            nothing
        }
    }
}

fn times(table: &mut Table<'_>) -> u32 {
    let Some(item) = table.item("times") else {
        return 1;
    };
    let times = item.number().map(u32::try_from);
    if let Some(Ok(times @ 1..)) = times {
        return times;
    }
    if times.is_some() {
        item.complain("a prompt cannot come so often", "write a number from 1 on");
    }
    1
}

/// What a rehearsal prints; nothing for a prompt that comes seldom.
fn says(table: &mut Table<'_>) -> Option<String> {
    let says = table.optional_text("says");
    let seldom = table.flag("seldom");
    if says.is_none() && !seldom {
        table.complain(
            "a rehearsal does not know what this prompt prints",
            "add `says = \"..\"`, or `seldom = true` if a rehearsal is to go without it",
        );
    }
    says.filter(|_| !seldom)
}
