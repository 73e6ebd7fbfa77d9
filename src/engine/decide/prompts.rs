//! What running programs ask: answered as the procedure says, or by a human. An answer's intent is told before it leaves, and
//! one question is answered once.

use super::*;
use crate::engine::brief::Person;
use crate::engine::event::Said;
use crate::engine::state::{ActionRecord, ActionState, Question};
use crate::model::dialogue::{Answer, Reply};
use crate::model::ids::ActionId;

impl Turn<'_> {
    pub(super) fn prompted(
        &mut self,
        action: ActionId,
        attempt: u32,
        prompt: Option<String>,
        text: String,
        at: u64,
    ) {
        let Some(record) = self.state.actions.get(&action) else {
            return;
        };
        // While a human types, what is asked is theirs to see and to answer.
        if !matches!(record.state, ActionState::Running { .. }) || record.wheel.is_held() {
            return;
        }
        // Asked again: the answer may never have arrived. The node sees to it that it counts once.
        if let Some((_, said)) = record.answered.get(&at) {
            let answer = match said {
                Said::Text(text) => Answer::Text(text.clone()),
                Said::Secret(param) => Answer::Secret(param.clone()),
                Said::Hidden => {
                    return self.ask_operator(action, attempt, Question { at, prompt, text });
                }
            };
            return self.ask(Effect::Answer {
                action,
                attempt,
                at,
                answer,
            });
        }
        let reply = expected(record, prompt.as_deref());
        self.ask_operator(
            action.clone(),
            attempt,
            Question {
                at,
                prompt: prompt.clone(),
                text,
            },
        );
        let (said, answer) = match reply {
            Some(Reply::Text(text)) => (Said::Text(text.clone()), Answer::Text(text)),
            Some(Reply::Secret(param)) => (Said::Secret(param.clone()), Answer::Secret(param)),
            Some(Reply::Operator(_)) | None => return,
        };
        self.answer_prompt(action, said, answer, None);
    }

    fn ask_operator(&mut self, action: ActionId, attempt: u32, question: Question) {
        let known = self.state.actions.get(&action);
        if known.is_some_and(|record| record.asking.as_ref() == Some(&question)) {
            return;
        }
        self.tell(Event::Prompted {
            action,
            attempt,
            printed: question.at,
            prompt: question.prompt,
            text: question.text,
        });
    }

    /// Answers what an action's program asks now. Nothing if it asks nothing.
    pub(in crate::engine) fn answer_prompt(
        &mut self,
        action: ActionId,
        said: Said,
        answer: Answer,
        by: Option<Person>,
    ) {
        let Some(record) = self.state.actions.get(&action) else {
            return;
        };
        let Some(question) = record.asking.clone() else {
            return;
        };
        let (attempt, at) = (record.attempts, question.at);
        self.tell(Event::PromptAnswered {
            action: action.clone(),
            attempt,
            printed: at,
            prompt: question.prompt,
            said,
            by,
        });
        self.ask(Effect::Answer {
            action,
            attempt,
            at,
            answer,
        });
    }
}

/// What the procedure answers, if it expects the question, and not too often.
fn expected(record: &ActionRecord, prompt: Option<&str>) -> Option<Reply> {
    let dialogue = record.action().work.dialogue()?;
    let prompt = dialogue.prompt(prompt?)?;
    let asked = record.answered.values();
    let asked = asked.filter(|(id, _)| id.as_deref() == Some(&prompt.id));
    let before = u32::try_from(asked.count()).unwrap_or(u32::MAX);
    (before < prompt.times).then(|| prompt.reply.clone())
}
