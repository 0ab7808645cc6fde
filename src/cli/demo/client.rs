//! The daemon from outside: its API and its webhooks, as anybody's program would use them.

use std::time::Duration;

use serde::Deserialize;

use crate::cli::addresses::Addresses;
use crate::cli::api::Api;
use crate::cli::problem::Problem;
use crate::clock::SystemClock;
use crate::money::Money;
use crate::value::Json;

/// A daemon that can be asked.
pub(super) struct Client {
    admin: Api,
    hooks: Api,
}

/// A workflow as the daemon lists it.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    name: String,
    /// Of the version in force.
    pub digest: Option<String>,
    /// What is wrong with the file, drawn.
    pub error: Option<String>,
}

/// A run as the daemon lists it.
#[derive(Debug, Deserialize)]
pub(super) struct Run {
    pub status: String,
    pub cost: Money,
}

impl Client {
    /// The daemon at these addresses.
    pub fn new(addresses: &Addresses) -> Self {
        let at = |address| Api { address, token: None, clock: SystemClock::shared() };
        Self { admin: at(addresses.admin), hooks: at(addresses.hooks) }
    }

    /// The base URL of the webhooks.
    pub fn hooks(&self) -> String {
        format!("http://{}", self.hooks.address)
    }

    /// Whether it takes work. One that does not answer yet does not.
    pub async fn is_ready(&self) -> bool {
        self.admin.get("/readyz", Duration::ZERO).await.is_ok_and(|reply| reply.status.is_success())
    }

    /// One of its workflows.
    pub async fn workflow(&self, name: &str) -> Result<Listed, Problem> {
        #[derive(Deserialize)]
        struct Workflows {
            workflows: Vec<Listed>,
        }
        let all: Workflows = self.get("/api/v1/workflows").await?;
        let found = all.workflows.into_iter().find(|workflow| workflow.name == name);
        found.ok_or_else(|| Problem::failed(format!("the daemon does not list the workflow `{name}`")))
    }

    /// Its runs.
    pub async fn runs(&self) -> Result<Vec<Run>, Problem> {
        #[derive(Deserialize)]
        struct Runs {
            runs: Vec<Run>,
        }
        let all: Runs = self.get("/api/v1/runs?limit=100").await?;
        Ok(all.runs)
    }

    /// Sends an event to a webhook and waits for what the workflow answers.
    pub async fn hook(&self, path: &str, event: &Json) -> Result<Json, Problem> {
        self.hooks.post(path, event).await.and_then(|reply| reply.granted()).map_err(Problem::failed)
    }

    async fn get<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T, Problem> {
        let answer = self.admin.get(path, Duration::ZERO).await.and_then(|reply| reply.granted());
        let answer = answer.map_err(Problem::failed)?;
        serde_json::from_value(answer)
            .map_err(|error| Problem::failed(format!("the answer of `{path}` is not understood: {error}")))
    }
}
