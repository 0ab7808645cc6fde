//! How tests went: as lines like those of `cargo test`, as JSON, and as JUnit XML.

use std::path::Path;
use std::time::Duration;

use quick_xml::escape::escape;
use serde_json::json;

use crate::cli::fmt::diff::unified;
use crate::cli::problem::Problem;
use crate::cli::screen::{self, BAD, BOLD, DIM, GOOD};
use crate::cli::time::took;
use crate::diagnostic::render::{self, Style};
use crate::diagnostic::{Diagnostic, SourceMap};
use crate::trial::Finding;
use crate::value::Json;

use super::Done;

/// What is shown so far.
pub(super) struct Show<'a> {
    sources: &'a SourceMap,
    is_json: bool,
    done: Vec<Done>,
}

impl<'a> Show<'a> {
    pub fn new(sources: &'a SourceMap, is_json: bool) -> Self {
        Self { sources, is_json, done: Vec::new() }
    }

    /// Shows one more.
    pub fn add(&mut self, done: Done) -> Result<(), Problem> {
        if !self.is_json {
            let how = match done.verdict.findings.is_empty() {
                true => format!("{GOOD}ok{GOOD:#}"),
                false => format!("{BAD}FAILED{BAD:#}"),
            };
            let recorded = match &done.verdict.recorded {
                Some(path) => format!(" {DIM}(recorded {}){DIM:#}", path.display()),
                None => String::new(),
            };
            screen::print(&format!("test {} ... {how}{recorded}\n", name(&done)))?;
        }
        self.done.push(done);
        Ok(())
    }

    /// Shows why tests failed, and sums up. True when none did.
    pub fn conclude(&self, errors: &[Diagnostic], elapsed: Duration) -> Result<bool, Problem> {
        let failed = self.done.iter().filter(|done| !done.verdict.findings.is_empty()).count();
        let passed = self.done.len() - failed;
        if self.is_json {
            let tests: Vec<_> = self.done.iter().map(|done| self.json(done)).collect();
            let errors = render::json(errors, self.sources)["diagnostics"].take();
            screen::print_json(
                &json!({ "tests": tests, "passed": passed, "failed": failed, "errors": errors }),
            )?;
            return Ok(failed == 0);
        }
        let mut text = String::new();
        for done in self.done.iter().filter(|done| !done.verdict.findings.is_empty()) {
            text.push_str(&format!("\n{BOLD}---- {} ----{BOLD:#}\n", name(done)));
            for finding in &done.verdict.findings {
                text.push_str(&self.drawn(finding, screen::color_of_output()));
            }
        }
        text.push_str(&match (self.done.is_empty(), errors.is_empty(), failed) {
            (true, true, _) => format!("{DIM}no tests{DIM:#}: write `workflows/NAME.test.yaml` beside a workflow\n"),
            (_, false, _) => {
                format!("\ntest result: {BAD}FAILED{BAD:#}. {passed} passed; {failed} failed; files with errors were left out\n")
            }
            (_, _, 0) => {
                format!("\ntest result: {GOOD}ok{GOOD:#}. {passed} passed; 0 failed; took {}\n", took(elapsed))
            }
            _ => format!(
                "\ntest result: {BAD}FAILED{BAD:#}. {passed} passed; {failed} failed; took {}\n",
                took(elapsed)
            ),
        });
        screen::print(&text)?;
        Ok(failed == 0)
    }

    /// Writes JUnit XML, a suite for each file.
    pub fn junit(&self, path: &Path) -> Result<(), Problem> {
        let mut files: Vec<&Path> = self.done.iter().map(|done| &*done.job.file).collect();
        files.dedup();
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
        for file in files {
            let own: Vec<_> = self.done.iter().filter(|done| done.job.file == file).collect();
            let failures = own.iter().filter(|done| !done.verdict.findings.is_empty()).count();
            let suite = attribute(&file.display().to_string());
            xml.push_str(&format!(
                "  <testsuite name={suite} tests=\"{}\" failures=\"{failures}\">\n",
                own.len()
            ));
            for done in own {
                xml.push_str(&format!(
                    "    <testcase classname={} name={} time=\"{:.3}\">\n",
                    attribute(&done.job.workflow),
                    attribute(&done.job.test.name.value),
                    done.took.as_secs_f64()
                ));
                if let [first, ..] = &*done.verdict.findings {
                    let findings = done.verdict.findings.iter();
                    let all: String = findings.map(|one| self.drawn(one, render::Color::Off)).collect();
                    xml.push_str(&format!(
                        "      <failure message={}>{}</failure>\n",
                        attribute(&first.diagnostic.message),
                        escape(&*xml_text(&anstream::adapter::strip_str(&all).to_string()))
                    ));
                }
                xml.push_str("    </testcase>\n");
            }
            xml.push_str("  </testsuite>\n");
        }
        xml.push_str("</testsuites>\n");
        std::fs::write(path, xml)
            .map_err(|error| Problem::failed(format!("cannot write `{}`: {error}", path.display())))
    }

    fn drawn(&self, finding: &Finding, color: render::Color) -> String {
        let style = Style { color, width: screen::WIDTH };
        let mut text = render::human(std::slice::from_ref(&finding.diagnostic), self.sources, style);
        if let Some((before, after)) = &finding.texts {
            let name = finding.mismatch.as_ref().map_or("what the step asks", |mismatch| &mismatch.path);
            text.push_str(&unified(name, &screen::tame(before), &screen::tame(after)));
        }
        text
    }

    fn json(&self, done: &Done) -> Json {
        let findings = done.verdict.findings.iter().map(|finding| {
            let drawn = render::json(std::slice::from_ref(&finding.diagnostic), self.sources);
            let mut found = drawn["diagnostics"][0].clone();
            if let Some(mismatch) = &finding.mismatch {
                found["path"] = json!(mismatch.path);
                found["wanted"] = json!(mismatch.wanted);
                found["found"] = json!(mismatch.found);
            }
            found
        });
        let findings: Vec<_> = findings.collect();
        json!({
            "file": done.job.file.display().to_string(),
            "workflow": &*done.job.workflow,
            "name": &*done.job.test.name.value,
            "status": if findings.is_empty() { "passed" } else { "failed" },
            "cost": done.verdict.cost.to_string(),
            "recorded": done.verdict.recorded.as_ref().map(|path| path.display().to_string()),
            "took_ms": u64::try_from(done.took.as_millis()).unwrap_or(u64::MAX),
            "findings": findings,
        })
    }
}

/// `triage: an urgent outage`.
fn name(done: &Done) -> String {
    format!("{}: {}", done.job.workflow, screen::excerpt(&done.job.test.name.value, 200))
}

fn attribute(text: &str) -> String {
    format!("\"{}\"", escape(&*xml_text(text)))
}

/// A text without the characters that XML cannot hold.
fn xml_text(text: &str) -> String {
    text.chars().filter(|char| !char.is_control() || matches!(char, '\n' | '\t')).collect()
}
