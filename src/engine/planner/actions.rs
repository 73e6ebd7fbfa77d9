//! Actions of a step, with their scripts and texts.

use std::collections::BTreeMap;

use super::*;
use crate::engine::plan::{Action, PlannedUndo, Work};
use crate::model::ids::{ActionId, FactId, NodeId};
use crate::model::procedure::{Does, Step, Undo, UploadSpec};
use crate::model::script::{Class, Script};
use crate::model::value::Value;

impl<'a> Planner<'a> {
    pub(super) fn action(
        &mut self,
        step: &Step,
        node: Option<NodeId>,
        then_on: Vec<NodeId>,
    ) -> Option<Action> {
        let id = ActionId::of(&step.id, node.as_ref());
        let texts = Texts {
            planner: self,
            node: node.clone(),
        };
        let then: BTreeMap<FactId, Value> = step
            .then
            .iter()
            .map(|(fact, value)| (fact.clone(), texts.fill_value(value)))
            .collect();
        let script = |class, body: &str, secrets: &[crate::model::ids::ParamId]| {
            self.script(class, body, secrets, node.as_ref(), &step.needs)
        };
        let work = match &step.does {
            Does::Change {
                script: body,
                secrets,
                output,
                cancel,
                dialogue,
                reboots,
            } => script(Class::Change, body, secrets).map(|script| Work::Change {
                script,
                output: output.clone(),
                cancel: *cancel,
                dialogue: dialogue.as_ref().map(|dialogue| texts.dialogue(dialogue)),
                reboots: *reboots,
            }),
            Does::Upload(upload) => Ok(Work::Upload(UploadSpec {
                from: texts.fill(&upload.from),
                to: texts.fill(&upload.to),
                sha256: upload.sha256.as_ref().map(|sum| texts.fill(sum)),
                mode: upload.mode,
            })),
            Does::Read {
                script: body,
                output,
            } => script(Class::Read, body, &[]).map(|script| Work::Read {
                script,
                output: output.clone(),
            }),
            Does::Manual { instructions } => Ok(Work::Manual {
                instructions: texts.fill(instructions),
            }),
            Does::Attest { instructions } => Ok(Work::Attest {
                instructions: texts.fill(instructions),
            }),
            Does::Wait { until } => Ok(Work::Wait {
                until: until.clone(),
            }),
            Does::Decide { question, options } => Ok(Work::Decide {
                question: texts.fill(question),
                options: options.clone(),
            }),
        };
        let fill_then = |then: &BTreeMap<FactId, Value>| {
            then.iter()
                .map(|(fact, value)| (fact.clone(), texts.fill_value(value)))
                .collect::<BTreeMap<_, _>>()
        };
        let undo = match &step.undo {
            None => Ok(None),
            Some(Undo::Script { script: body, then }) => {
                script(Class::Change, body, &[]).map(|script| {
                    Some(PlannedUndo::Script {
                        script,
                        then: fill_then(then),
                    })
                })
            }
            Some(Undo::Manual { instructions, then }) => Ok(Some(PlannedUndo::Manual {
                instructions: texts.fill(instructions),
                then: fill_then(then),
            })),
        };
        let holds_already = |node: &NodeId| {
            self.ahead
                .node(node)
                .is_some_and(|facts| facts.matches(&then).is_yes())
        };
        let already_so = !then.is_empty() && then_on.iter().all(holds_already);
        match (work, undo) {
            (Ok(work), Ok(undo)) => Some(Action {
                id,
                node,
                work,
                then,
                then_on,
                already_so,
                undo,
            }),
            (Err(why), _) | (_, Err(why)) => {
                self.refuse(format!("{id}: {why}"));
                None
            }
        }
    }

    pub(super) fn script(
        &self,
        class: Class,
        body: &str,
        secrets: &[crate::model::ids::ParamId],
        node: Option<&NodeId>,
        needs: &[String],
    ) -> Result<Script, String> {
        let secrets: Vec<String> = secrets
            .iter()
            .map(|secret| secret.as_str().to_string())
            .collect();
        let mut text = String::new();
        if !needs.is_empty() {
            let needs = needs.join(" ");
            text.push_str(&format!(
                "for need in {needs}; do\n  command -v \"$need\" >/dev/null 2>&1 || {{ echo \"missing command: $need\" >&2; exit 127; }}\ndone\n"
            ));
        }
        text.push_str(body.trim_start_matches('\n'));
        Script::assemble(class, &variables(self.ground.brief, node), &secrets, &text)
            .map_err(|why| why.to_string())
    }
}
