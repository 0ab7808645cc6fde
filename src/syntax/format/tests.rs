use proptest::prelude::*;

use super::*;
use crate::syntax::tree::Node;

const FILE: FileId = FileId(0);

fn formatted(text: &str) -> String {
    let mut found = Diagnostics::new();
    let formatted = format(FILE, text, Language::Yaml, &mut found);
    formatted.unwrap_or_else(|| panic!("{:?} for\n{text}", found.sorted()))
}

#[track_caller]
fn becomes(text: &str, expected: &str) {
    let once = formatted(text);
    assert_eq!(once, expected, "\n--- is\n{once}\n--- expected\n{expected}");
    assert_eq!(formatted(&once), once, "formatting it again changes it");
}

#[test]
fn lists_and_maps_are_indented_by_two() {
    becomes(
        "steps:\n- id:   a\n  set:   {x: 1,y:   [1,2 , 3]}\n-    id: b\n     set:\n          x:   1\n-\n   - 1\n   -   - 2\n       - 3\n",
        "steps:\n  - id: a\n    set: { x: 1, y: [1, 2, 3] }\n  - id: b\n    set:\n      x: 1\n  -\n    - 1\n    - - 2\n      - 3\n",
    );
    becomes("  a: 1\n  b:\n   c: {}\n   d: []\n", "a: 1\nb:\n  c: {}\n  d: []\n");
    becomes("- a\n- b:\n  - c\n", "- a\n- b:\n    - c\n");
}

#[test]
fn of_empty_lines_one_is_kept_and_blanks_at_ends_go() {
    becomes("\n\na: 1  \n\n\n\nb: 2\t\n\n", "a: 1\n\nb: 2\n");
    becomes("a: 1\r\nb: |\r\n  x\r\n  y\r\n", "a: 1\nb: |\n  x\n  y\n");
    becomes("a: 1", "a: 1\n");
    becomes("", "");
    becomes(" \n\n", "");
    becomes("# only this", "# only this\n");
    becomes("---\na:   1\n...\n", "---\na: 1\n...\n");
}

#[test]
fn comments_stay_beside_what_they_belong_to() {
    becomes(
        "# head\n\na:   # of a\n# of b, which is in a\n      b: 1\n      # after b\n# of c\nc:\n- x   # of x\n# of y\n- y\n    # nothing\n",
        "# head\n\na:   # of a\n  # of b, which is in a\n  b: 1\n  # after b\n# of c\nc:\n  - x  # of x\n  # of y\n  - y\n  # nothing\n",
    );
    becomes("a:\n    # nothing yet\nb: 1\n", "a:\n  # nothing yet\nb: 1\n");
    becomes(
        "a:\n    - b: 1\n      # in\n    # between\n    - c: 1\n  # after\nd: 1\n",
        "a:\n  - b: 1\n    # in\n  # between\n  - c: 1\n# after\nd: 1\n",
    );
    becomes("a: |   # head\n    text\n    # text\n  # after\n", "a: |   # head\n  text\n  # text\n# after\n");
}

#[test]
fn comments_in_a_column_stay_in_one() {
    becomes("a:   1    # x\nbb: 2     # y\nc: 3 # z\n", "a: 1      # x\nbb: 2     # y\nc: 3 # z\n");
    becomes("a: {b: 1,c: 2}  # x\nd: 1            # y\n", "a: { b: 1, c: 2 }  # x\nd: 1               # y\n");
}

#[test]
fn blocks_of_text_keep_their_content() {
    becomes(
        "a: |\n      one\n        two\n\n      three  \n\n\nb: >-\n folded\n text\nc:\n  - |2\n      indented\n    less\n  - |+\n     kept\n\n\nd: 1\n",
        "a: |\n  one\n    two\n\n  three  \n\nb: >-\n  folded\n  text\nc:\n  - |2\n      indented\n    less\n  - |+\n    kept\n\n\nd: 1\n",
    );
    becomes("a: |4-\n      x\n     y\n", "a: |2-\n    x\n   y\n");
    becomes("a: |\n\n\nb: |+\n\nc: >\n", "a: |\n\nb: |+\n\nc: >\n");
    becomes("a: |+\n x\n\n", "a: |+\n  x\n\n");
    becomes("a: |\n    x\n       \n    \nb: 1\n", "a: |\n  x\n     \n\nb: 1\n");
}

#[test]
fn quotes_are_double_where_that_says_the_same() {
    becomes(
        "a: 'x'\n'b': 'it''s'\nc: 'say \"x\"'\nd: '\\{{x}}'\ne: [ 'y',\"z\" ]\nf: '5'\n",
        "a: \"x\"\n\"b\": \"it's\"\nc: 'say \"x\"'\nd: '\\{{x}}'\ne: [\"y\", \"z\"]\nf: \"5\"\n",
    );
}

#[test]
fn what_runs_over_lines_keeps_its_shape() {
    becomes(
        "a:\n    b: { x: 1,\n         y: 2,   # why\n\n\n         z: [\n           3\n         ]\n       }\n",
        "a:\n  b: { x: 1,\n       y: 2,     # why\n\n       z: [\n         3\n       ]\n     }\n",
    );
    becomes("a: [\n1,\n2\n]\n", "a: [\n  1,\n  2\n]\n");
    becomes(
        "a:\n    b: one\n      two\n\n     three\n    c: \"x  \\\n      \\  y  \n     z\"\n    d: 'p  \n q'\n",
        "a:\n  b: one\n    two\n\n    three\n  c: \"x  \\\n    \\  y\n    z\"\n  d: 'p\n    q'\n",
    );
}

#[test]
fn anchors_aliases_and_merge_keys_stay() {
    becomes(
        "x-a:   &base {a: 1}\nx-b: &list\n- 1\nc:\n   <<:   *base\n   d:   *list\nx-d: &key k\n*key : 1\n",
        "x-a: &base { a: 1 }\nx-b: &list\n  - 1\nc:\n  <<: *base\n  d: *list\nx-d: &key k\n*key : 1\n",
    );
}

#[test]
fn a_file_with_errors_is_left_alone_and_told_of() {
    for (text, code) in [
        ("a: [1\n", "yaml-bracket"),
        ("a: 1\na: 2\n", "duplicate-key"),
        ("a: !x y\n", "yaml-tag"),
        ("a: {{x}}\n", "yaml-template"),
    ] {
        let mut found = Diagnostics::new();
        assert_eq!(format(FILE, text, Language::Yaml, &mut found), None, "{text}");
        assert_eq!(found.sorted().first().map(|found| found.code), Some(code), "{text}");
    }
}

#[test]
fn of_a_prompt_only_the_front_matter_is_formatted() {
    let prompt = |text: &str| format(FILE, text, Language::Prompt, &mut Diagnostics::new());
    assert_eq!(
        prompt("# mine\n\n---\nmodel:   x\ninput: {a: 1}\n---  \n  Body   \r\n\n\n---\na:   1\n").unwrap(),
        "# mine\n\n---\nmodel: x\ninput: { a: 1 }\n---  \n  Body   \r\n\n\n---\na:   1\n"
    );
    for left in ["Body: only\n---\na:   1\n---\n", "---\na:   1\n", "", "---\n---\nx  "] {
        assert_eq!(prompt(left).as_deref(), Some(left));
    }
    let mut found = Diagnostics::new();
    assert_eq!(format(FILE, "# é\n---\na: [\n---\nx", Language::Prompt, &mut found), None);
    assert_eq!(found.sorted()[0].primary.span.start, 12);
}

/// Writes a YAML file as people do, and makes each choice by the next byte of a tape.
struct Author {
    tape: Vec<u8>,
    text: String,
    keys: usize,
    anchors: usize,
    /// The anchors whose values have ended.
    known: Vec<usize>,
    comments: usize,
}

impl Author {
    fn choose(&mut self, below: usize) -> usize {
        usize::from(self.tape.pop().unwrap_or(0)) % below
    }

    fn spaces(&mut self, most: usize) -> String {
        " ".repeat(1 + self.choose(most))
    }

    fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.choose(of.len())]
    }

    fn comment(&mut self) {
        self.comments += 1;
        self.text.push_str(&format!("# c{}.", self.comments));
    }

    fn end_line(&mut self) {
        match self.choose(4) {
            0 => {
                let gap = self.spaces(5);
                self.text.push_str(&gap);
                self.comment();
            }
            1 => self.text.push_str("  "),
            _ => {}
        }
        self.text.push('\n');
    }

    /// Empty lines and comments between entries; a comment never stands where a block of text goes on.
    fn between(&mut self, column: usize) {
        for _ in 0..self.choose(3) {
            if self.choose(2) == 0 {
                self.text.push('\n');
            } else {
                let column = self.choose(column + 1);
                self.text.push_str(&" ".repeat(column));
                self.comment();
                self.text.push('\n');
            }
        }
    }

    fn map(&mut self, column: usize, depth: usize, mut is_inline: bool) {
        for _ in 0..1 + self.choose(3) {
            if !is_inline {
                self.between(column);
                self.text.push_str(&" ".repeat(column));
            }
            is_inline = false;
            self.keys += 1;
            let quote = self.pick(&["", "", "'", "\""]);
            self.text.push_str(&format!("{quote}k{}{quote}:", self.keys));
            self.value(column, column, depth);
        }
    }

    fn list(&mut self, column: usize, depth: usize, mut is_inline: bool) {
        for _ in 0..1 + self.choose(3) {
            if !is_inline {
                self.between(column);
                self.text.push_str(&" ".repeat(column));
            }
            is_inline = false;
            self.text.push('-');
            let gap = self.spaces(3);
            match self.choose(4) {
                0 if depth > 0 => {
                    self.text.push_str(&gap);
                    self.map(column + 1 + gap.len(), depth - 1, true);
                }
                1 if depth > 0 => {
                    self.text.push_str(&gap);
                    self.list(column + 1 + gap.len(), depth - 1, true);
                }
                _ => self.value(column, column + 1, depth),
            }
        }
    }

    /// A value after a `:` or `-` in this column; a list in it begins at `least` or further in.
    fn value(&mut self, column: usize, least: usize, depth: usize) {
        let gap = self.spaces(3);
        let shape = self.choose(9);
        let anchor = (shape > 0 && self.choose(6) == 0).then(|| {
            self.anchors += 1;
            self.text.push_str(&format!(" &a{}", self.anchors));
            self.anchors
        });
        match shape {
            0 if !self.known.is_empty() => {
                let choice = self.choose(self.known.len());
                let name = self.known[choice];
                self.text.push_str(&format!(" *a{name}"));
                self.end_line();
            }
            1 | 2 if depth > 0 => {
                self.end_line();
                let inner = match shape {
                    1 => column + 1 + self.choose(4),
                    _ => least + self.choose(4),
                };
                self.between(inner);
                if shape == 1 {
                    self.map(inner, depth - 1, false)
                } else {
                    self.list(inner, depth - 1, false)
                }
            }
            3 => {
                self.text.push_str(&gap);
                self.brackets(column, depth);
                self.end_line();
            }
            4 => {
                self.text.push_str(&gap);
                self.block(column);
            }
            5 => {
                self.text.push_str(&gap);
                let inner = " ".repeat(column + 1 + self.choose(4));
                let (open, close) =
                    *[("", ""), ("\"", "\""), ("'", "'"), ("\"\\", "\\ \"")].get(self.choose(4)).unwrap();
                let open = if open.len() == 2 { "\"\\t" } else { open };
                let blank = self.pick(&["", "\n", "  "]);
                self.text.push_str(
                    &format!("{open}one{blank}\n{inner}two # no\n{inner}three{close}")
                        .replace("two # no", "two"),
                );
                self.end_line();
            }
            6 => self.end_line(),
            _ => {
                self.text.push_str(&gap);
                let word = self.pick(&[
                    "x",
                    "5",
                    "true",
                    "a b:c",
                    "'5'",
                    "'it''s'",
                    "\"q\\n\"",
                    "'\"'",
                    "~",
                    "é",
                    "'\\{{x}}'",
                    "\"{{a}}\"",
                    "''",
                ]);
                self.text.push_str(word);
                self.end_line();
            }
        }
        self.known.extend(anchor);
    }

    fn brackets(&mut self, column: usize, depth: usize) {
        let is_map = self.choose(2) == 0;
        self.text.push(if is_map { '{' } else { '[' });
        for number in 0..self.choose(4) {
            if number > 0 {
                self.text.push(',');
            }
            self.space(column);
            if is_map {
                self.keys += 1;
                let quote = self.pick(&["", "'", "\""]);
                self.text.push_str(&format!("{quote}k{}{quote}: ", self.keys));
            }
            if depth > 0 && self.choose(4) == 0 {
                self.brackets(column, depth - 1);
            } else {
                let word = self.pick(&["x", "5", "'q'", "\"r\"", "a-b", "two words"]);
                self.text.push_str(word);
            }
            if self.choose(3) == 0 {
                self.space(column);
            }
        }
        self.text.push(if is_map { '}' } else { ']' });
    }

    /// Blanks between brackets, or a new line.
    fn space(&mut self, column: usize) {
        match self.choose(6) {
            0 => {
                self.end_line();
                let inner = column + 1 + self.choose(6);
                self.between(inner);
                self.text.push_str(&" ".repeat(inner));
            }
            1 => self.text.push_str("   "),
            _ => self.text.push(' '),
        }
    }

    fn block(&mut self, column: usize) {
        let style = self.pick(&["|", ">"]);
        let chomp = self.pick(&["", "-", "+"]);
        let indent = 1 + self.choose(4);
        let told = self.choose(3) == 0;
        let digit = if told { indent.to_string() } else { String::new() };
        self.text.push_str(&format!("{style}{digit}{chomp}"));
        self.end_line();
        let indent = " ".repeat(column + indent);
        let mut is_settled = told;
        for _ in 0..self.choose(5) {
            let more = self.pick(&["", "  ", "\t"]);
            let line = match self.choose(5) {
                0 => String::new(),
                // How far an untold block is indented, its first line says.
                1 if is_settled => format!("{indent}{more}text  "),
                2 if is_settled => format!("{indent}   "),
                3 => format!("{indent}# text"),
                _ => format!("{indent}text"),
            };
            is_settled |= !line.is_empty();
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }
}

fn read(text: &str) -> Option<Node> {
    let mut found = Diagnostics::new();
    yaml::parse(FILE, text, &mut found).filter(|_| !found.has_errors())
}

/// The comments that an author wrote, wherever they stand.
fn comments(text: &str) -> Vec<&str> {
    text.match_indices("# c")
        .map(|(at, _)| text[at..].split_inclusive('.').next().unwrap_or_default())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_says_the_same_afterwards(tape in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut author = Author { tape, text: String::new(), keys: 0, anchors: 0, known: Vec::new(), comments: 0 };
        let column = author.choose(3);
        if author.choose(4) == 0 { author.list(column, 4, false) } else { author.map(column, 4, false) }
        let text = author.text;
        let tree = read(&text);
        prop_assert!(tree.is_some(), "the author wrote what cannot be read:\n{text}");
        let once = formatted(&text);
        prop_assert_eq!(read(&once).unwrap().to_json(), tree.unwrap().to_json(), "\n{}\n---\n{}", text, once);
        prop_assert_eq!(comments(&once), comments(&text));
        prop_assert_eq!(formatted(&once), once, "\n{}", text);
    }

    #[test]
    fn no_text_is_too_odd(text in "([ \n\t:?,{}\\[\\]&*!|>'\"%@`#a1é\\\\-]|- |: |\n  |\n- |k: |---\n|\r\n){0,60}") {
        let mut found = Diagnostics::new();
        let once = format(FILE, &text, Language::Yaml, &mut found);
        prop_assert!(once.is_some() != found.has_errors());
        if let Some(once) = once {
            prop_assert_eq!(format(FILE, &once, Language::Yaml, &mut Diagnostics::new()), Some(once));
        }
        // Text that would be taken for the end of a document is refused.
        let refused = found.iter().filter(|_| !text.contains("---") && !text.contains("...")).find(|found| found.code == "format");
        prop_assert!(refused.is_none(), "{:?}", text);
    }
}
