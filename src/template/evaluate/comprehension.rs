//! What `map`, `filter` and their kin do with lists.

use std::borrow::Cow;

use crate::template::ITEM_LIMIT;
use crate::template::term::{Comprehension, ComprehensionKind};
use crate::template::values::kind;
use crate::value::Json;

use super::{Evaluator, Fault, Frame, Frames, Round, Value};

impl<'e> Evaluator<'e> {
    /// Goes over the items of the range, each as a frame.
    pub(super) fn comprehension<'f>(&self, comprehension: &'f Comprehension, frames: Frames<'f>) -> Value<'f>
    where
        'e: 'f,
    {
        let range = self.value(&comprehension.range, frames).map_err(Fault::settled)?;
        let keys: Vec<Json>;
        let items = match range.as_ref() {
            Json::Array(items) => items,
            Json::Object(fields) => {
                keys = fields.keys().map(|key| Json::from(key.as_str())).collect();
                &keys
            }
            other => {
                return Err(Fault::of_type(format!(
                    "only a list or a map can be gone over, found {}",
                    kind(other)
                )));
            }
        };
        if items.len() > ITEM_LIMIT {
            let message =
                format!("the list has {} items, at most {ITEM_LIMIT} can be gone over", items.len());
            return Err(Fault::new("template_limit", message));
        }
        self.go_over(comprehension, items, frames).map(Cow::Owned).map_err(Fault::settled)
    }

    fn go_over<'f>(
        &self,
        comprehension: &'f Comprehension,
        items: &'f [Json],
        frames: Frames<'f>,
    ) -> Result<Json, Fault<'f>>
    where
        'e: 'f,
    {
        let mut collected = Vec::new();
        let mut matches = 0_usize;
        let mut fault: Option<Fault<'f>> = None;
        for item in items {
            let frame = Frame { parent: frames, value: item, round: Round::default() };
            let decided = self.look_at(comprehension, &frame, &mut collected);
            match (comprehension.kind, decided) {
                (ComprehensionKind::All, Ok(false)) => return Ok(false.into()),
                (ComprehensionKind::Any, Ok(true)) => return Ok(true.into()),
                (_, Ok(true)) => matches += 1,
                (_, Ok(false)) => {}
                // One item that decides outweighs an error on another, as CEL has it.
                (ComprehensionKind::All | ComprehensionKind::Any, Err(other)) if !other.is_limit() => {
                    let other = other.settled();
                    fault = Some(match fault {
                        Some(first) => first.or(other),
                        None => other,
                    });
                }
                (_, Err(fault)) => return Err(fault.settled()),
            }
        }
        match (comprehension.kind, fault) {
            (_, Some(fault)) => Err(fault),
            (ComprehensionKind::All, None) => Ok(true.into()),
            (ComprehensionKind::Any, None) => Ok(false.into()),
            (ComprehensionKind::ExactlyOne, None) => Ok((matches == 1).into()),
            (ComprehensionKind::Collect, None) => Ok(Json::Array(collected)),
        }
    }

    /// Whether the item meets the condition; collects it where that is wanted.
    fn look_at<'f>(
        &self,
        comprehension: &'f Comprehension,
        frame: &'f Frame<'f>,
        collected: &mut Vec<Json>,
    ) -> Result<bool, Fault<'f>>
    where
        'e: 'f,
    {
        let name = match comprehension.kind {
            ComprehensionKind::Collect => "filter",
            ComprehensionKind::All => "all",
            ComprehensionKind::Any => "exists",
            ComprehensionKind::ExactlyOne => "exists_one",
        };
        if let Some(filter) = &comprehension.filter
            && !self.bool(filter, Some(frame), name)?
        {
            return Ok(false);
        }
        match comprehension.kind {
            ComprehensionKind::Collect => {
                collected.push(self.own(&comprehension.item, Some(frame))?);
                Ok(true)
            }
            _ => self.bool(&comprehension.item, Some(frame), name),
        }
    }
}
