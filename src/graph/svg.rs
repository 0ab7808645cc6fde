//! A drawing as an SVG image that needs nothing beside itself: no script, no font, no style sheet.
//!
//! A list of steps is drawn in rows: a step stands below all that it waits for, and beside those that run
//! at the same time. What is in a step is drawn in its box, branches side by side. The colours follow the
//! reader's light or dark mode. How wide a text will be is estimated, as the reader's font is not known.

use super::{Branch, Graph, Role, Step};

/// The height of a line of text, in pixels, as all lengths here.
const LINE: usize = 18;
/// Around the text in a box.
const PADDING: usize = 12;
/// Between boxes that stand side by side.
const BESIDE: usize = 20;
/// Between rows, where the arrows are.
const BELOW: usize = 34;
/// Around the drawing.
const MARGIN: usize = 24;
/// How many characters of a line are shown; the rest is in its tooltip.
const MOST: usize = 60;

const STYLE: &str = "\
svg{background:#fff;font:13px system-ui,sans-serif}\
text{fill:#1f2328}.quiet{fill:#59636e}.title{font-weight:600}.head{font-size:16px;font-weight:600}\
rect{fill:#f6f8fa;stroke:#8c959f}.frame{fill:#fff}.start{fill:#ddf4ff;stroke:#54aeff}\
.aside{stroke-dasharray:4 3}path{fill:none;stroke:#59636e;stroke-width:1.3}.tip{fill:#59636e;stroke:none}\
@media(prefers-color-scheme:dark){svg{background:#0d1117}text{fill:#e6edf3}.quiet{fill:#9198a1}\
rect{fill:#151b23;stroke:#656c76}.frame{fill:#0d1117}.start{fill:#121d2f;stroke:#1f6feb}\
path{stroke:#9198a1}.tip{fill:#9198a1}}";

/// Draws a workflow, with a line break after each element.
pub fn svg(graph: &Graph) -> String {
    let mut rows = Vec::new();
    if !graph.triggers.is_empty() {
        let starts = graph.triggers.iter().map(|trigger| {
            let condition = trigger.condition.as_ref().map(|condition| format!("if {condition}"));
            Picture::boxed("start", PADDING, &labels(&trigger.what, condition.as_deref(), None))
        });
        rows.push(Picture::beside(starts.collect()));
    }
    rows.push(list(&graph.steps));
    let parts = [
        ("frame aside", "when it failed", &graph.on_failure),
        ("frame", "finally, in any case", &graph.finally),
    ];
    for (class, name, steps) in parts {
        if !steps.is_empty() {
            let picture = framed(class, &[Label::quiet(name)], vec![list(steps)]);
            rows.push(Picture { entered: if class == "frame" { "arrow" } else { "arrow aside" }, ..picture });
        }
    }
    let body = chain(rows);
    let mut heading = vec![Label { text: graph.name.clone(), class: "head" }];
    heading.extend(graph.description.as_deref().map(Label::quiet));
    let heading = Picture::texts(&heading);
    let width = heading.width.max(body.width) + 2 * MARGIN;
    let height = heading.height + LINE + body.height + 2 * MARGIN;
    let mut all = Picture { width, height, ..Picture::default() };
    all.place(MARGIN, MARGIN + heading.height + LINE, body);
    all.place(MARGIN, MARGIN, heading);
    let described = match graph.description.as_deref() {
        Some(description) => format!("{description} {}", summary(graph)),
        None => summary(graph),
    };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"title desc\">\n\
         <title id=\"title\">{}</title>\n<desc id=\"desc\">{}</desc>\n<style>{STYLE}</style>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
         orient=\"auto\"><path class=\"tip\" d=\"M0 0L8 4L0 8z\"/></marker></defs>\n{}</svg>\n",
        escaped(&graph.name),
        escaped(&described),
        all.elements(),
    )
}

/// What a reader who sees no picture is told.
fn summary(graph: &Graph) -> String {
    let titles = |steps: &[Step]| steps.iter().map(Step::title).collect::<Vec<_>>().join("; ");
    let starts = graph.triggers.iter().map(|trigger| trigger.what.as_str()).chain(["by hand"]);
    let mut text =
        format!("Starts: {}. Steps: {}.", starts.collect::<Vec<_>>().join("; "), titles(&graph.steps));
    for (name, steps) in [("On failure", &graph.on_failure), ("Finally", &graph.finally)] {
        if !steps.is_empty() {
            text.push_str(&format!(" {name}: {}.", titles(steps)));
        }
    }
    text
}

/// A line of text and how it looks.
struct Label {
    text: String,
    class: &'static str,
}

impl Label {
    fn quiet(text: &str) -> Self {
        Self { text: text.to_owned(), class: "quiet" }
    }
}

fn labels(title: &str, condition: Option<&str>, note: Option<&str>) -> Vec<Label> {
    let rest = [condition, note].into_iter().flatten().map(Label::quiet);
    [Label { text: title.to_owned(), class: "title" }].into_iter().chain(rest).collect()
}

/// Something that is drawn, at a place relative to what it is part of.
enum Mark {
    Rect { class: &'static str, x: usize, y: usize, width: usize, height: usize, round: usize },
    Text { class: &'static str, x: usize, y: usize, text: String },
    Arrow { class: &'static str, from: (usize, usize), to: (usize, usize) },
}

/// A part of the drawing.
struct Picture {
    width: usize,
    height: usize,
    marks: Vec<Mark>,
    /// How arrows to it look.
    entered: &'static str,
}

impl Default for Picture {
    fn default() -> Self {
        Self { width: 0, height: 0, marks: Vec::new(), entered: "arrow" }
    }
}

impl Picture {
    /// Lines of text.
    fn texts(labels: &[Label]) -> Self {
        let mut picture = Self::default();
        for label in labels {
            picture.width = picture.width.max(width_of(label));
            let y = picture.height + LINE - 5;
            picture.marks.push(Mark::Text { class: label.class, x: 0, y, text: label.text.clone() });
            picture.height += LINE;
        }
        picture
    }

    /// Lines of text in a box.
    fn boxed(class: &'static str, round: usize, labels: &[Label]) -> Self {
        let texts = Self::texts(labels);
        let mut picture = Self::rect(class, texts.width + 2 * PADDING, texts.height + PADDING, round);
        picture.place(PADDING, PADDING / 2, texts);
        picture
    }

    fn rect(class: &'static str, width: usize, height: usize, round: usize) -> Self {
        let rect = Mark::Rect { class, x: 0, y: 0, width, height, round };
        Self { width, height, marks: vec![rect], ..Self::default() }
    }

    /// Pictures side by side, their upper edges in line.
    fn beside(pictures: Vec<Self>) -> Self {
        let mut row = Self::default();
        for picture in pictures {
            let x = if row.width == 0 { 0 } else { row.width + BESIDE };
            row.width = x + picture.width;
            row.height = row.height.max(picture.height);
            row.place(x, 0, picture);
        }
        row
    }

    /// Puts a picture on this one.
    fn place(&mut self, left: usize, top: usize, picture: Self) {
        self.marks.extend(picture.marks.into_iter().map(|mark| mark.moved(left, top)));
    }

    fn elements(&self) -> String {
        self.marks.iter().map(Mark::element).collect()
    }
}

impl Mark {
    fn moved(self, left: usize, top: usize) -> Self {
        match self {
            Self::Rect { class, x, y, width, height, round } => {
                Self::Rect { class, x: x + left, y: y + top, width, height, round }
            }
            Self::Text { class, x, y, text } => Self::Text { class, x: x + left, y: y + top, text },
            Self::Arrow { class, from, to } => {
                Self::Arrow { class, from: (from.0 + left, from.1 + top), to: (to.0 + left, to.1 + top) }
            }
        }
    }

    fn element(&self) -> String {
        match self {
            Self::Rect { class, x, y, width, height, round } => format!(
                "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{round}\"/>\n"
            ),
            Self::Text { class, x, y, text } => match shortened(text) {
                Some(short) => format!(
                    "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}<title>{}</title></text>\n",
                    escaped(&short),
                    escaped(text)
                ),
                None => format!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>\n", escaped(text)),
            },
            Self::Arrow { class, from: (x, y), to: (to_x, to_y) } => {
                let middle = y + (to_y.saturating_sub(*y)) / 2;
                format!(
                    "<path class=\"{class}\" marker-end=\"url(#tip)\" \
                     d=\"M{x} {y}C{x} {middle} {to_x} {middle} {to_x} {to_y}\"/>\n"
                )
            }
        }
    }
}

/// Pictures below each other, with an arrow from each to the next.
fn chain(pictures: Vec<Picture>) -> Picture {
    let after =
        (0..pictures.len()).map(|at: usize| at.checked_sub(1).into_iter().collect()).collect::<Vec<_>>();
    rows(pictures, &after)
}

fn list(steps: &[Step]) -> Picture {
    if steps.is_empty() {
        return Picture::texts(&[Label::quiet("nothing")]);
    }
    let after: Vec<Vec<usize>> = steps.iter().map(|step| step.after.clone()).collect();
    rows(steps.iter().map(step).collect(), &after)
}

/// Pictures in rows, each below those that it comes after, with arrows from them.
fn rows(pictures: Vec<Picture>, after: &[Vec<usize>]) -> Picture {
    let mut row_of: Vec<usize> = Vec::with_capacity(pictures.len());
    for before in after {
        let row = before.iter().filter_map(|at| row_of.get(*at)).max().map_or(0, |row| row + 1);
        row_of.push(row);
    }
    let mut sizes = vec![(0, 0); row_of.iter().max().map_or(0, |row| row + 1)];
    for (picture, row) in pictures.iter().zip(&row_of) {
        let (width, height): &mut (usize, usize) = &mut sizes[*row];
        *width += picture.width + if *width == 0 { 0 } else { BESIDE };
        *height = picture.height.max(*height);
    }
    let width = sizes.iter().map(|(width, _)| *width).max().unwrap_or(0);
    // Where the next picture of each row goes; rows stand in the middle.
    let mut top = 0;
    let mut next: Vec<(usize, usize)> = Vec::with_capacity(sizes.len());
    for (row_width, height) in &sizes {
        next.push(((width - row_width) / 2, top));
        top += height + BELOW;
    }
    let mut whole = Picture { width, height: top.saturating_sub(BELOW), ..Picture::default() };
    let places: Vec<(usize, usize)> = pictures
        .iter()
        .zip(&row_of)
        .map(|(picture, row)| {
            let place = next[*row];
            next[*row].0 += picture.width + BESIDE;
            place
        })
        .collect();
    // Arrows first: boxes cover those that pass behind them.
    for (at, before) in after.iter().enumerate() {
        for from in before {
            if let (Some((x, y)), Some(source)) = (places.get(*from), pictures.get(*from)) {
                whole.marks.push(Mark::Arrow {
                    class: pictures[at].entered,
                    from: (x + source.width / 2, y + source.height),
                    to: (places[at].0 + pictures[at].width / 2, places[at].1),
                });
            }
        }
    }
    for ((x, y), picture) in places.into_iter().zip(pictures) {
        whole.place(x, y, picture);
    }
    whole
}

fn step(step: &Step) -> Picture {
    let condition = step.condition.as_ref().map(|condition| format!("if {condition}"));
    let labels = labels(&step.title(), condition.as_deref(), step.may_fail.then_some("may fail"));
    match step.branches.is_empty() {
        true => Picture::boxed("step", 6, &labels),
        false => framed("frame", &labels, step.branches.iter().map(branch).collect()),
    }
}

fn branch(branch: &Branch) -> Picture {
    let inside = list(&branch.steps);
    let Some(words) = branch.role.words() else { return inside };
    let class = match branch.role {
        Role::OnError | Role::Notify => "frame aside",
        _ => "frame",
    };
    framed(class, &[Label::quiet(words)], vec![inside])
}

/// Pictures side by side in a box with a heading.
fn framed(class: &'static str, heading: &[Label], inside: Vec<Picture>) -> Picture {
    let heading = Picture::texts(heading);
    let inside = Picture::beside(inside);
    let content = heading.width.max(inside.width);
    let top = PADDING + heading.height;
    let mut picture = Picture::rect(class, content + 2 * PADDING, top + inside.height + PADDING, 8);
    picture.place(PADDING + (content - inside.width) / 2, top, inside);
    picture.place(PADDING, PADDING / 2, heading);
    picture
}

/// The beginning of a text that is too long.
fn shortened(text: &str) -> Option<String> {
    (text.chars().count() > MOST).then(|| text.chars().take(MOST - 1).chain(['…']).collect())
}

/// About how wide a text is in most fonts.
fn width_of(label: &Label) -> usize {
    let wide = match label.class {
        "head" => 10,
        "title" => 8,
        _ => 7,
    };
    // From here on most scripts have square characters.
    let width = |char| if char >= '\u{1100}' { 2 * wide } else { wide };
    label.text.chars().take(MOST).map(width).sum()
}

/// Text for the content of an element.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // No part of XML.
            '\u{fffe}' | '\u{ffff}' => escaped.push(char::REPLACEMENT_CHARACTER),
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Shape, Trigger};

    #[test]
    fn no_label_breaks_out() {
        let hostile = "</text><script>alert(\"x\")</script>&\u{ffff}";
        let step = Step {
            label: Some(hostile.to_owned()),
            what: hostile.to_owned(),
            shape: Shape::Choice,
            condition: Some(hostile.to_owned()),
            after: Vec::new(),
            in_line: true,
            may_fail: true,
            branches: vec![Branch { role: Role::Case(hostile.to_owned()), steps: Vec::new() }],
        };
        let drawn = svg(&Graph {
            name: hostile.to_owned(),
            description: Some(hostile.to_owned()),
            triggers: vec![Trigger { what: hostile.to_owned(), condition: None }],
            steps: vec![step.clone()],
            on_failure: vec![step.clone()],
            finally: vec![step],
        });
        assert!(!drawn.contains("<script") && !drawn.contains('\u{ffff}'), "{drawn}");
        assert!(
            drawn.contains("&lt;/text&gt;&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;\u{fffd}")
        );
    }

    #[test]
    fn a_step_stands_below_what_it_waits_for() {
        let boxes = || (0..4).map(|_| Picture::rect("step", 40, 30, 0)).collect();
        let drawn = rows(boxes(), &[vec![], vec![], vec![0, 1], vec![2]]);
        let tops: Vec<_> = drawn
            .marks
            .iter()
            .filter_map(|mark| if let Mark::Rect { x, y, .. } = mark { Some((*x, *y)) } else { None })
            .collect();
        assert_eq!(tops, [(0, 0), (60, 0), (30, 64), (30, 128)]);
        assert_eq!((drawn.width, drawn.height), (100, 158));
    }

    #[test]
    fn a_long_text_is_shortened_and_kept_in_its_tooltip() {
        let long = "word ".repeat(40);
        let mark = Mark::Text { class: "title", x: 0, y: 0, text: long.clone() };
        let drawn = mark.element();
        assert!(drawn.contains(&format!("<title>{long}</title>")) && drawn.contains("…<title>"), "{drawn}");
    }
}
