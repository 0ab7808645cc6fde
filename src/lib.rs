//! howdah runs automations that are written as YAML: a daemon of one person or a small team.
//!
//! This page is the map. Rooms stand in the order in which data flows through them.
//!
//! # Two flows, both one-way
//!
//! ```text
//! compile   files --syntax--> tree, ast --check--> Workflow --plan--> Plan --catalog swap--> in force
//!           (a snapshot:      (every leaf          (names resolved,   (bound to this machine:
//!           workflows,        has its              texts compiled,    models, prices, secrets,
//!           howdah.yaml)      span)                offline)           roots)
//!
//! run       trigger --> Event --> offer --> Run --> step attempt --> Output --> next step
//!                                   |  every arrow lies between two entries of the journal  |
//!                                   +--- fold of the entries --> RunState --> CLI and API
//! ```
//!
//! # Rooms
//!
//! - **Words**, usable everywhere and without I/O: [`ids`], [`clock`], [`secret`], [`money`],
//!   [`units`], [`value`], [`event`], [`diagnostic`].
//! - **Text to plan**: [`syntax`] reads YAML into trees that know their places; [`template`] is
//!   Handlebars, CEL and schemas; [`models`] is what is known of models without asking; [`check`]
//!   resolves every name and compiles every text; [`plan`] binds a workflow to this machine;
//!   [`graph`] draws a workflow; [`forecast`] says what a run would do.
//! - **The contract and the kinds**: [`component`] says what an action and a trigger are;
//!   [`actions`] and [`triggers`] are the built-in ones, a file or folder each; [`registry`] is the
//!   one place that knows them all by name.
//! - **Edges to the world**: [`files`], [`net`], [`llm`], [`config`].
//! - **Running**: [`journal`] keeps what happened; [`engine`] runs runs; [`daemon`] loads and
//!   reloads a workspace; [`server`] has the two listeners; [`simulator`] is a model server that
//!   needs no model; [`trial`] tests workflows; [`cli`] is the command line.
//!
//! Which room may use which is held by `tests/it/tidy.rs`. It is an hourglass: the shell composes
//! above, small pure words lie below, and [`component`] is the waist. Kinds never see the engine;
//! engine, plan and check never see a kind. So adding an action is one new file and its row in one
//! table.
//!
//! # What must stay true
//!
//! - [`syntax`], [`template`] and [`check`] do no I/O: a workflow is checked offline, on any
//!   machine, the same way. What fails for reasons of this machine appears first in [`plan`], still
//!   with its place in the file.
//! - Every effect lies between two journal entries. Only the engine appends to a run, but for the
//!   entry by which a store that is opened notes that a process was lost; only [`journal`] opens
//!   the store.
//! - The state of a run is the fold of its entries; the rows of lists follow from it.
//! - A run pins its definition by digest and finishes on it, whatever happens to the file.
//! - A broken file never disturbs a healthy one, nor replaces its own last good version.
//! - Time is read through [`clock::Clock`]. A secret is a placeholder until the byte it is sent as.
//! - A panic in a step fails that step, and nothing that a text or a sender holds can end the process.
//!
//! # What is deliberately absent
//!
//! A second retry loop, a template that renders data, a shell, an expression language of our own, a
//! file that knows every error, and a lock that is held while something is awaited.

// Words.
pub mod clock;
pub mod diagnostic;
pub mod event;
pub mod ids;
pub mod money;
pub mod secret;
pub mod units;
pub mod value;

// Text to plan.
pub mod check;
pub mod forecast;
pub mod graph;
pub mod models;
pub mod plan;
pub mod syntax;
pub mod template;

// The contract and the kinds.
pub mod actions;
pub mod component;
pub mod registry;
pub mod triggers;

// Edges to the world.
pub mod config;
pub mod files;
pub mod llm;
pub mod net;

// Running.
pub mod cli;
pub mod daemon;
pub mod engine;
pub mod journal;
pub mod server;
pub mod simulator;
pub mod trial;
