//! Any bytes as a workflow file: read, checked and drawn, without a panic, soon.

#![no_main]

use std::sync::LazyLock;

use howdah::check::{self, Prompts};
use howdah::component::Kinds;
use howdah::diagnostic::render::{self, Color, Style};
use howdah::diagnostic::{Diagnostics, SourceFile, SourceMap};
use libfuzzer_sys::fuzz_target;

static PROMPTS: LazyLock<Prompts> = LazyLock::new(Prompts::default);
static KINDS: LazyLock<Kinds> = LazyLock::new(howdah::registry::kinds);

fuzz_target!(|text: &str| {
    let mut sources = SourceMap::default();
    let file = sources.add(SourceFile::new("workflows/fuzz.yaml", text));
    let read = check::read(&sources, file, &KINDS);
    let signatures = check::Signatures::of([&read]);
    let world =
        check::World { kinds: &KINDS, settings: &[], prompts: &PROMPTS, signatures: Some(&signatures) };
    let mut diagnostics = Diagnostics::new();
    let workflow = read.check(&world, &mut diagnostics).workflow;
    assert!(workflow.is_none() || !diagnostics.has_errors());
    let style = Style { color: Color::Off, width: 100 };
    let _ = render::human(&diagnostics.sorted(), &sources, style);
});
