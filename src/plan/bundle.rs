//! The files a workflow is made of, pinned under one digest: what a run goes on with, whatever
//! happens to the files.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::diagnostic::{FileId, SourceFile, SourceMap};
use crate::ids::Digest;

/// A workflow file and what it includes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bundle {
    /// The version of this form.
    v: u32,
    /// The workflow file's path, relative to the workspace.
    workflow: PathBuf,
    /// Each file's path and text, in order of their paths.
    files: Vec<(PathBuf, Arc<str>)>,
}

/// Why stored bytes are no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Not the JSON of a bundle.
    #[error("the stored definition cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// Written by a newer program.
    #[error("the stored definition is of version {0}, which this howdah does not know")]
    Version(u32),
    /// The workflow's own file is not in it.
    #[error("the stored definition has no workflow file")]
    Empty,
}

impl Bundle {
    /// The bundle of a workflow file and the files that it uses, its prompts and partials.
    pub fn new<'f>(workflow: &'f SourceFile, used: impl IntoIterator<Item = &'f SourceFile>) -> Self {
        let files = std::iter::once(workflow).chain(used);
        let mut files: Vec<_> = files.map(|file| (file.path.clone(), file.text.clone())).collect();
        files.sort();
        files.dedup();
        Self { v: 1, workflow: workflow.path.clone(), files }
    }

    /// The bytes that are kept.
    ///
    /// # Errors
    /// Only when a path is not UTF-8.
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        Ok(serde_json::to_vec(self)?)
    }

    /// The digest of these bytes.
    pub fn digest(bytes: &[u8]) -> Digest {
        Digest::of(bytes)
    }

    /// The bundle of kept bytes.
    ///
    /// # Errors
    /// When they are damaged, or of a version that is not known.
    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        let bundle: Self = serde_json::from_slice(bytes)?;
        match bundle.v {
            1 => Ok(bundle),
            other => Err(BundleError::Version(other)),
        }
    }

    /// The files as sources, and which of them is the workflow.
    ///
    /// # Errors
    /// When the workflow's own file is not among them.
    pub fn sources(&self) -> Result<(SourceMap, FileId), BundleError> {
        let mut sources = SourceMap::default();
        let mut workflow = None;
        for (path, text) in &self.files {
            let id = sources.add(SourceFile::new(path, text.clone()));
            if *path == self.workflow {
                workflow = Some(id);
            }
        }
        Ok((sources, workflow.ok_or(BundleError::Empty)?))
    }
}
