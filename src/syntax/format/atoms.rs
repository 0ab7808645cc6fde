//! A file as a row of tokens, with the beginnings and ends of lists and maps between them.
//!
//! The scanner of the YAML library says what there is and in which order; where `-`, `?`, `:` and the
//! head of a block of text stand is found here, as it does not say. What lies between two atoms is
//! blanks only: a text in which anything else is found is given up.

use std::iter::Peekable;
use std::ops::Range;

use granit_parser::{ScalarStyle, Scanner, StrInput, TokenType};

/// One of the things that a file is a row of.
#[derive(Debug)]
pub(super) enum Piece {
    /// A list or map that is not in brackets begins with the next atom.
    Open,
    /// The list or map that began last ends.
    Close,
    /// The next atom begins a key of the map that is open.
    Key,
    /// What is written.
    Atom(Atom),
}

/// A token and its place.
#[derive(Debug)]
pub(super) struct Atom {
    pub(super) kind: Kind,
    /// In bytes of the text.
    pub(super) range: Range<usize>,
    pub(super) start: Place,
    pub(super) end: Place,
}

/// A line and a column, both from 0, the column in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) row: usize,
    pub(super) column: usize,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `---` or `...`
    Mark,
    /// `-`
    Dash,
    /// `?`
    Question,
    /// `:`
    Colon,
    /// `,`
    Comma,
    /// `{`
    OpenMap,
    /// `}`
    CloseMap,
    /// `[`
    OpenList,
    /// `]`
    CloseList,
    /// `&name`, or a tag.
    Property,
    /// `*name`
    Alias,
    /// A bare word or words.
    Plain,
    /// `'…'`
    SingleQuoted,
    /// `"…"`
    DoubleQuoted,
    /// `|`, `>-` and the like.
    Header,
    /// The whole lines of a block of text, of which the first so many columns are indentation.
    Body(usize),
    /// `# …`, without blanks at its end.
    Comment,
}

/// Cuts a text with `\n` at the end of each line; none when it is not what it seems.
pub(super) fn atoms(text: &str) -> Option<Vec<Piece>> {
    let mut tokens = Scanner::new(StrInput::new(text)).peekable();
    let mut cutter = Cutter {
        text,
        at: 0,
        place: Place::default(),
        pieces: Vec::new(),
        open: Vec::new(),
        brackets: 0,
        opening: false,
    };
    while let Some(token) = tokens.next() {
        let (span, token) = token.ok()?.into_parts();
        let range = span.byte_range()?;
        cutter.token(token, range, &mut tokens)?;
    }
    cutter.skip_blanks();
    (cutter.at == text.len()).then_some(cutter.pieces)
}

/// A list or map that is not in brackets.
#[derive(Clone, Copy)]
struct Level {
    shape: Shape,
    column: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Map,
    List,
    /// A list in the column of the map that it is a value of. The scanner tells neither its beginning
    /// nor its end.
    FlushList,
}

struct Cutter<'a> {
    text: &'a str,
    at: usize,
    place: Place,
    pieces: Vec<Piece>,
    open: Vec<Level>,
    brackets: usize,
    /// The first atom of the innermost level has not come yet.
    opening: bool,
}

impl Cutter<'_> {
    fn token<'t, I>(
        &mut self,
        token: TokenType<'t>,
        range: Range<usize>,
        rest: &mut Peekable<I>,
    ) -> Option<()>
    where
        I: Iterator<Item = Result<granit_parser::Token<'t>, granit_parser::ScanError>>,
    {
        let kind = match token {
            TokenType::StreamStart | TokenType::StreamEnd => return Some(()),
            TokenType::BlockMappingStart => return self.open(Shape::Map),
            TokenType::BlockSequenceStart => return self.open(Shape::List),
            TokenType::BlockEnd => {
                self.end_flush_list();
                self.open.pop()?;
                self.pieces.push(Piece::Close);
                return Some(());
            }
            TokenType::BlockEntry => {
                if self.open.last().is_some_and(|level| level.shape == Shape::Map) {
                    self.open(Shape::FlushList)?;
                }
                return self.sign('-', Kind::Dash);
            }
            TokenType::Key => {
                if self.brackets == 0 {
                    self.end_flush_list();
                    self.pieces.push(Piece::Key);
                }
                return if range.is_empty() { Some(()) } else { self.sign('?', Kind::Question) };
            }
            TokenType::Value => {
                if self.brackets == 0 {
                    self.end_flush_list();
                }
                return self.sign(':', Kind::Colon);
            }
            // A pair in a list, as in `[a: b]`, is a map without brackets of its own.
            TokenType::FlowMappingStart | TokenType::FlowMappingEnd if range.is_empty() => return Some(()),
            TokenType::Scalar(ScalarStyle::Literal | ScalarStyle::Folded, _) => return self.block(rest),
            TokenType::FlowMappingStart => self.bracket(Kind::OpenMap),
            TokenType::FlowSequenceStart => self.bracket(Kind::OpenList),
            TokenType::FlowMappingEnd => self.bracket(Kind::CloseMap),
            TokenType::FlowSequenceEnd => self.bracket(Kind::CloseList),
            TokenType::FlowEntry => Kind::Comma,
            TokenType::DocumentStart | TokenType::DocumentEnd => Kind::Mark,
            TokenType::Anchor(_) | TokenType::Tag(..) => Kind::Property,
            TokenType::Alias(_) => Kind::Alias,
            TokenType::Scalar(ScalarStyle::SingleQuoted, _) => Kind::SingleQuoted,
            TokenType::Scalar(ScalarStyle::DoubleQuoted, _) => Kind::DoubleQuoted,
            // A value that is left out.
            TokenType::Scalar(..) if range.is_empty() => return Some(()),
            TokenType::Scalar(..) => Kind::Plain,
            TokenType::Comment(_) => Kind::Comment,
            // Directives do not get past the reader.
            _ => return None,
        };
        self.atom(kind, range)
    }

    fn open(&mut self, shape: Shape) -> Option<()> {
        self.open.push(Level { shape, column: 0 });
        self.opening = true;
        self.pieces.push(Piece::Open);
        Some(())
    }

    fn end_flush_list(&mut self) {
        if self.open.last().is_some_and(|level| level.shape == Shape::FlushList) {
            self.open.pop();
            self.pieces.push(Piece::Close);
        }
    }

    fn bracket(&mut self, kind: Kind) -> Kind {
        match kind {
            Kind::OpenMap | Kind::OpenList => self.brackets += 1,
            _ => self.brackets = self.brackets.saturating_sub(1),
        }
        kind
    }

    /// A sign of one character that comes next.
    fn sign(&mut self, sign: char, kind: Kind) -> Option<()> {
        self.skip_blanks();
        let start = self.at;
        self.text[start..].starts_with(sign).then_some(())?;
        self.atom(kind, start..start + sign.len_utf8())
    }

    fn atom(&mut self, kind: Kind, range: Range<usize>) -> Option<()> {
        self.skip_blanks();
        (self.at == range.start).then_some(())?;
        let range = range.start..range.start + self.text.get(range)?.trim_end().len();
        let start = self.place;
        self.advance(range.end);
        if self.opening && kind != Kind::Comment {
            self.opening = false;
            self.open.last_mut()?.column = start.column;
        }
        self.pieces.push(Piece::Atom(Atom { kind, range, start, end: self.place }));
        Some(())
    }

    /// A block of text: its head, a comment beside that, its lines.
    fn block<'t, I>(&mut self, rest: &mut Peekable<I>) -> Option<()>
    where
        I: Iterator<Item = Result<granit_parser::Token<'t>, granit_parser::ScanError>>,
    {
        self.skip_blanks();
        let start = self.at;
        let line_end = start + self.text[start..].find('\n').unwrap_or(self.text.len() - start);
        let line = &self.text[start..line_end];
        let head = &line[..line.find([' ', '\t']).unwrap_or(line.len())];
        head.starts_with(['|', '>']).then_some(())?;
        self.atom(Kind::Header, start..start + head.len())?;
        let beside = |token: &granit_parser::Token<'_>| {
            let range = token.span().byte_range().filter(|range| range.start < line_end);
            range.filter(|_| matches!(token.token_type(), TokenType::Comment(_)))
        };
        if let Some(comment) = rest.peek().and_then(|token| token.as_ref().ok()).and_then(beside) {
            self.atom(Kind::Comment, comment)?;
            rest.next();
        }
        self.skip_to(line_end)?;
        let (indent, length) = body(&self.text[line_end..], head, self.open.last().map(|level| level.column));
        if length > 0 {
            self.advance(line_end + 1);
            let (start, range) = (self.place, line_end + 1..line_end + length);
            self.advance(range.end);
            self.pieces.push(Piece::Atom(Atom { kind: Kind::Body(indent), range, start, end: self.place }));
        }
        Some(())
    }

    fn skip_blanks(&mut self) {
        let blanks =
            self.text[self.at..].bytes().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n')).count();
        self.advance(self.at + blanks);
    }

    /// Goes to a place that only blanks lie before.
    fn skip_to(&mut self, at: usize) -> Option<()> {
        self.text.get(self.at..at)?.trim().is_empty().then_some(())?;
        self.advance(at);
        Some(())
    }

    fn advance(&mut self, to: usize) {
        for char in self.text[self.at..to].chars() {
            match char {
                '\n' => self.place = Place { row: self.place.row + 1, column: 0 },
                _ => self.place.column += 1,
            }
        }
        self.at = to;
    }
}

/// The lines of a block of text, of which `text` is what follows its head, line break included: how far
/// they are indented, and where they end, without the line break of the last one. 0 when there are none.
fn body(text: &str, head: &str, parent: Option<usize>) -> (usize, usize) {
    let lines = || text.split('\n').skip(1);
    let blanks = |line: &str| line.bytes().take_while(|byte| *byte == b' ').count();
    let is_blank = |line: &str| blanks(line) == line.len();
    let least = parent.map_or(0, |column| column + 1);
    let indent = match head.bytes().find(u8::is_ascii_digit) {
        Some(digit) => parent.unwrap_or(0) + usize::from(digit - b'0'),
        None => match lines().find(|line| !is_blank(line)).map(blanks) {
            Some(indent) if indent >= least => indent,
            // Nothing but empty lines.
            _ => usize::MAX,
        },
    };
    let is_kept = head.contains('+');
    let (mut end, mut kept) = (0, 0);
    for line in lines().take_while(|line| is_blank(line) || blanks(line) >= indent) {
        end += 1 + line.len();
        if !is_blank(line) || line.len() > indent || is_kept {
            kept = end;
        }
    }
    // The last line of a file that ends with a line break is no line.
    if is_kept && kept == text.len() && text.ends_with('\n') {
        kept -= 1;
    }
    (indent, kept)
}
