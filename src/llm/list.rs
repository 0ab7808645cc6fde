//! The models that a provider lists.

use crate::value::Json;

/// A model of a provider's list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedModel {
    /// Its id.
    pub id: String,
    /// Whatever else the list says of it.
    pub details: Json,
}

/// Reads a list of models: `data`, or `models`, or a bare list, of objects with an `id` or `name`.
pub(super) fn read(body: &Json) -> Option<Vec<ListedModel>> {
    let items = [&body["data"], &body["models"], body].into_iter().find_map(Json::as_array)?;
    let id = |item: &Json| {
        ["id", "name"].into_iter().find_map(|field| item[field].as_str().map(ToOwned::to_owned))
    };
    Some(items.iter().filter_map(|item| Some(ListedModel { id: id(item)?, details: item.clone() })).collect())
}
