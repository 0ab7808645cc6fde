//! Loops over lists: a pass for each item, in the order of the input.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt as _;
use serde_json::json;

use crate::ids::StepPath;
use crate::plan::Bound;
use crate::plan::flow::{Foreach, OnItemError};
use crate::template::Node;
use crate::value::{Failure, Json, SharedJson};

use super::flow::failed;
use super::frame::Frame;
use super::once::Turn;
use super::run::{Halt, Run};

/// How many items a loop may have.
const ITEM_LIMIT: usize = 10_000;

impl Run {
    /// Runs the steps of a loop for each item; gives what the passes gave.
    pub async fn foreach(
        &self,
        each: &Foreach<Bound>,
        path: &StepPath,
        frame: &Frame,
    ) -> Result<SharedJson, Halt> {
        let value = || each.over.evaluate(&frame.scope());
        let value = self.decide(&path.branch("foreach"), each.over.references(), value).await?;
        let value = value.map_err(|failure| failed(failure, path))?;
        let Json::Array(items) = value else {
            let message = format!("`foreach` needs a list, and its expression gave {}", kind(&value));
            return Err(failed(Failure::new("wrong_value", message), path));
        };
        if items.len() > ITEM_LIMIT {
            let message = format!("the loop has {} items, and the limit is {ITEM_LIMIT}", items.len());
            return Err(failed(Failure::new("too_many_items", message), path));
        }
        let items = match each.batch {
            Some(size) => batches(items, size),
            None => items,
        };
        let items: Vec<SharedJson> = items.into_iter().map(Arc::new).collect();
        let inside = |index: usize| {
            let item = Node::from(items[index].clone());
            frame.inside([(each.item.clone(), item), ("index".into(), Node::from(json!(index)))])
        };
        let mut turns = match &each.once {
            Some(once) => self.turns(once, path, (0..items.len()).map(inside)).await?.into_iter(),
            None => Vec::new().into_iter(),
        };
        // After a failure no item starts, and those under way come to their end.
        let stopped = AtomicBool::new(false);
        let mut passes = futures_util::stream::iter(0..items.len())
            .map(|index| {
                let (stopped, inside, turn) = (&stopped, &inside, turns.next());
                async move {
                    if stopped.load(Ordering::Relaxed) {
                        return None;
                    }
                    let pass = path.pass(index);
                    let (key, once) = match (turn, &each.once) {
                        (Some(Turn::LeftOut), _) => return None,
                        (Some(Turn::Unknown(failure)), _) => return Some(Err(failed(failure, &pass))),
                        (Some(Turn::Go(key)), Some(once)) => (Some(key), Some(once)),
                        _ => (None, None),
                    };
                    let outcome = self.pass(each, &pass, &inside(index)).await;
                    if let (Ok(_), Some(key), Some(once)) = (&outcome, key, once) {
                        self.item_done(once, &pass, key);
                    }
                    Some(outcome)
                }
            })
            .buffered(each.concurrency.max(1));
        let mut results = Vec::new();
        let mut halt = None;
        while let Some(result) = passes.next().await {
            match (result, each.on_item_error) {
                (None, _) | (Some(Err(Halt::Failed { .. })), OnItemError::Skip) => {}
                (Some(Ok(output)), _) => results.push(Json::clone(&output)),
                (Some(Err(Halt::Failed { failure, step })), OnItemError::Keep) => {
                    results.push(json!({ "error": self.error(&failure, &step) }));
                }
                (Some(Err(why)), _) => {
                    stopped.store(true, Ordering::Relaxed);
                    halt = halt.or(Some(why));
                }
            }
        }
        match halt {
            Some(halt) => Err(halt),
            None => Ok(Arc::new(Json::Array(results))),
        }
    }

    async fn pass(&self, each: &Foreach<Bound>, path: &StepPath, inside: &Frame) -> Result<SharedJson, Halt> {
        let output = self.list(&each.steps, path.clone(), inside).await?;
        match &each.collect {
            Some(collect) => {
                collect.evaluate(&inside.scope()).map(Arc::new).map_err(|failure| failed(failure, path))
            }
            None => Ok(output),
        }
    }
}

/// The items in lists of so many; the last may have fewer.
fn batches(items: Vec<Json>, size: usize) -> Vec<Json> {
    let mut items = items.into_iter().peekable();
    let mut batches = Vec::new();
    while items.peek().is_some() {
        batches.push(Json::Array(items.by_ref().take(size.max(1)).collect()));
    }
    batches
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}
