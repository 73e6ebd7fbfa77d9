//! Notes what a condition speaks of, in one walk over its expression.

use cel::Program;
use cel::common::ast::{Expr, LiteralValue, operators};
use cel::parser::Expression;

use super::*;

/// Walks the expression once and notes what it speaks of.
pub(super) struct Reader<'a> {
    pub program: &'a Program,
    pub uses: &'a mut Uses,
    pub ranging: Vec<String>,
}

impl Reader<'_> {
    pub fn read(&mut self, expression: &Expression) {
        match &expression.expr {
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => {
                if let Expr::Ident(name) = &select.operand.expr {
                    self.member(name, &select.field, self.offset(expression));
                }
                self.read(&select.operand);
            }
            Expr::Call(call) => {
                self.comparison(&call.func_name, &call.args);
                if call
                    .func_name
                    .starts_with(|c: char| c.is_ascii_alphabetic())
                {
                    self.uses.calls.insert(call.func_name.clone());
                }
                call.target.iter().for_each(|target| self.read(target));
                call.args.iter().for_each(|argument| self.read(argument));
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::List(list) => list.elements.iter().for_each(|element| self.read(element)),
            Expr::Map(_) | Expr::Struct(_) | Expr::Literal(_) | Expr::Unspecified => {}
        }
    }

    fn comprehension(&mut self, comprehension: &cel::common::ast::ComprehensionExpr) {
        let over_nodes =
            matches!(&comprehension.iter_range.expr, Expr::Ident(name) if name == "nodes");
        if over_nodes {
            self.uses.roots.insert("nodes".into());
            // `all` and `exists` start from a truth value and cannot tell one node from two alike; the others count.
            let folds = matches!(
                &comprehension.accu_init.expr,
                Expr::Literal(LiteralValue::Boolean(_))
            );
            self.uses.counts |= !folds;
        } else {
            self.read(&comprehension.iter_range);
        }
        self.ranging.push(comprehension.iter_var.clone());
        let hidden = [
            comprehension.iter_var.clone(),
            comprehension.accu_var.clone(),
        ];
        self.ranging.push(format!("\0{over_nodes}"));
        self.read(&comprehension.loop_cond);
        self.read(&comprehension.loop_step);
        self.read(&comprehension.result);
        self.ranging.truncate(self.ranging.len() - 2);
        for name in hidden {
            if !NAMES.contains(&name.as_str()) {
                self.uses.roots.remove(&name);
            }
        }
    }

    fn name(&mut self, name: &str) {
        if name.starts_with('@') || self.ranging.iter().any(|ranging| ranging == name) {
            return;
        }
        self.uses.counts |= name == "nodes";
        self.uses.roots.insert(name.to_string());
    }

    fn member(&mut self, of: &str, field: &str, at: usize) {
        if self.is_node(of) {
            self.uses.members.entry(field.to_string()).or_insert(at);
        } else if NAMES.contains(&of) {
            let field = (of.to_string(), field.to_string());
            self.uses.fields.entry(field).or_insert(at);
        }
    }

    /// Whether `name` stands for a node here: `node` itself or a variable that ranges over `nodes`.
    fn is_node(&self, name: &str) -> bool {
        let ranging = self.ranging.chunks(2).rev().find(|pair| pair[0] == name);
        match ranging {
            Some(pair) => pair[1] == "\0true",
            None => name == "node",
        }
    }

    fn comparison(&mut self, function: &str, arguments: &[Expression]) {
        let [left, right] = arguments else { return };
        let member = |expression: &Expression| match &expression.expr {
            Expr::Select(select) => match &select.operand.expr {
                Expr::Ident(name) if self.is_node(name) => Some(select.field.clone()),
                _ => None,
            },
            _ => None,
        };
        let texts = |expression: &Expression| -> Vec<(String, usize)> {
            let one = |expression: &Expression| match &expression.expr {
                Expr::Literal(LiteralValue::String(text)) => {
                    Some((text.inner().to_string(), self.offset(expression)))
                }
                _ => None,
            };
            match &expression.expr {
                Expr::List(list) => list.elements.iter().filter_map(one).collect(),
                _ => one(expression).into_iter().collect(),
            }
        };
        if ![operators::EQUALS, operators::NOT_EQUALS, operators::IN].contains(&function) {
            return;
        }
        let mut found = Vec::new();
        for (a, b) in [(left, right), (right, left)] {
            if let Some(member) = member(a) {
                found.extend(
                    texts(b)
                        .into_iter()
                        .map(|(text, at)| (member.clone(), text, at)),
                );
            }
        }
        self.uses.compared.extend(found);
    }

    fn offset(&self, expression: &Expression) -> usize {
        self.program
            .source_info()
            .offset_for(expression.id)
            .map_or(0, |(start, _)| start as usize)
    }
}
