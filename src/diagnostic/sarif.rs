//! Findings as SARIF 2.1.0, which code hosts and editors read, and as annotations of GitHub Actions.

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::json;

use super::codes::{self, PageKind};
use super::{Diagnostic, Severity, SourceMap, Span};
use crate::value::Json;

/// What a path may not hold in an address.
const RESERVED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'#').add(b'?').add(b'\\').add(b':');

/// One run of the tool, with a rule for every code that occurs. Columns count characters.
pub fn sarif<'a>(findings: impl IntoIterator<Item = (&'a Diagnostic, &'a SourceMap)>) -> Json {
    let findings: Vec<_> = findings.into_iter().collect();
    let used: BTreeSet<_> = findings.iter().map(|(finding, _)| finding.code).collect();
    let used: Vec<_> = used.into_iter().collect();
    let results: Vec<_> = findings.iter().map(|(finding, sources)| result(finding, sources, &used)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "howdah",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": used.iter().map(|code| rule(code)).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: &str) -> Json {
    let Some(page) = codes::find(code).into_iter().find(|page| page.kind != PageKind::Failure) else {
        return json!({ "id": code });
    };
    json!({
        "id": code,
        "shortDescription": { "text": page.summary },
        "fullDescription": { "text": page.cause },
        "help": { "text": page.cure },
        "defaultConfiguration": { "level": page.kind.as_str() },
    })
}

fn result(finding: &Diagnostic, sources: &SourceMap, rules: &[&str]) -> Json {
    let mut text = finding.message.clone();
    if let Some(help) = &finding.help {
        text.push_str(&format!("\n{help}"));
    }
    let mut result = json!({
        "ruleId": finding.code,
        "level": finding.severity.as_str(),
        "message": { "text": text },
        "locations": [location(finding.primary.span, sources)],
    });
    if let Some(index) = rules.iter().position(|rule| *rule == finding.code) {
        result["ruleIndex"] = index.into();
    }
    if !finding.related.is_empty() {
        let related = finding.related.iter().map(|label| {
            let mut place = location(label.span, sources);
            place["message"] = json!({ "text": label.text });
            place
        });
        result["relatedLocations"] = related.collect();
    }
    result
}

fn location(span: Span, sources: &SourceMap) -> Json {
    let file = sources.file(span.file);
    let (start, end) = (file.position(span.start), file.position(span.end));
    let path = file.path.to_string_lossy();
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": utf8_percent_encode(&path, RESERVED).to_string() },
        "region": {
            "startLine": start.line,
            "startColumn": start.column,
            "endLine": end.line,
            "endColumn": end.column,
        },
    } })
}

/// A line that GitHub Actions turns into an annotation at the place.
pub fn github(finding: &Diagnostic, sources: &SourceMap) -> String {
    let span = finding.primary.span;
    let file = sources.file(span.file);
    let (start, end) = (file.position(span.start), file.position(span.end));
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut message = finding.message.clone();
    if let Some(help) = &finding.help {
        message.push_str(&format!("\nhelp: {help}"));
    }
    let property = |text: &str| escaped(text).replace(':', "%3A").replace(',', "%2C");
    let mut place = format!("file={},line={}", property(&file.path.to_string_lossy()), start.line);
    // Columns of several lines mean nothing there.
    if start.line == end.line {
        place.push_str(&format!(",col={},endColumn={}", start.column, end.column));
    }
    format!(
        "::{level} {place},endLine={},title={}::{}\n",
        end.line,
        property(finding.code),
        escaped(&message)
    )
}

/// Without the characters that would end a command, or begin another one.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceFile;

    fn sample() -> (SourceMap, Vec<Diagnostic>) {
        let mut sources = SourceMap::default();
        let file = sources.add(SourceFile::new("workflows/a, b.yaml", "é: 1\nb: 2\n"));
        let second = Span::new(file, 6, 7);
        let findings = vec![
            Diagnostic::error("duplicate-key", second, "100 %\n::error::forged")
                .with_related(Span::new(file, 0, 2), "the first")
                .with_help("remove it"),
            Diagnostic::warning("no-effect", Span::new(file, 0, 2), "m"),
        ];
        (sources, findings)
    }

    #[test]
    fn sarif_tells_places_and_rules() {
        let (sources, findings) = sample();
        let json = sarif(findings.iter().map(|finding| (finding, &sources)));
        let run = &json["runs"][0];
        let rules: Vec<_> =
            run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|r| &r["id"]).collect();
        assert_eq!(rules, ["duplicate-key", "no-effect"]);
        let first = &run["results"][0];
        assert_eq!((&first["ruleIndex"], &first["level"]), (&json!(0), &json!("error")));
        let place = &first["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "workflows/a,%20b.yaml");
        let region = json!({ "startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 2 });
        assert_eq!(place["region"], region);
        assert_eq!(first["relatedLocations"][0]["message"]["text"], "the first");
        assert_eq!(run["results"][1]["ruleIndex"], 1);
        assert!(run["results"][1].get("relatedLocations").is_none());
    }

    #[test]
    fn an_annotation_is_one_line_whatever_it_holds() {
        let (sources, findings) = sample();
        assert_eq!(
            github(&findings[0], &sources),
            "::error file=workflows/a%2C b.yaml,line=2,col=1,endColumn=2,endLine=2,title=duplicate-key::100 %25%0A::error::forged%0Ahelp: remove it\n"
        );
    }
}
