//! Server-sent events: bytes in any cut become events, in linear time.
//!
//! A decoder of our own, as the ready-made one gives up on lines that the standard says to ignore
//! (unknown fields, a field without a colon, a `retry` that is no number), hides comments, and has no
//! limit on one event.

/// The most bytes of one event.
const EVENT_LIMIT: usize = 4 << 20;

/// One event. Comments and events without data are not given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// `event:`, empty for a plain message.
    pub(super) name: Vec<u8>,
    /// The `data:` lines, joined by line feeds. Not yet known to be UTF-8.
    pub(super) data: Vec<u8>,
}

/// An event that passes the limit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EventTooLarge;

/// Reads events from bytes.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    line: Vec<u8>,
    event: Event,
    has_data: bool,
    after_cr: bool,
    past_first_line: bool,
}

impl Decoder {
    /// Takes the next bytes and appends the events that they complete to `events`.
    pub(super) fn push(&mut self, mut bytes: &[u8], events: &mut Vec<Event>) -> Result<(), EventTooLarge> {
        while let Some(first) = bytes.first() {
            if std::mem::take(&mut self.after_cr) && *first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = &bytes[..end.unwrap_or(bytes.len())];
            if self.line.len() + self.event.data.len() + part.len() > EVENT_LIMIT {
                return Err(EventTooLarge);
            }
            self.line.extend_from_slice(part);
            let Some(end) = end else { return Ok(()) };
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            events.extend(self.end_line());
        }
        Ok(())
    }

    /// What has come of an event that the end of the stream cut off, its last line included.
    pub(super) fn finish(mut self) -> Option<Event> {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.has_data.then_some(self.event)
    }

    /// Takes the line that is now whole; an empty one completes an event.
    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let bom = if self.past_first_line { &b""[..] } else { b"\xEF\xBB\xBF" };
        self.past_first_line = true;
        let line = line.strip_prefix(bom).unwrap_or(&line);
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (field, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push(b'\n');
                }
                self.event.data.extend_from_slice(value);
            }
            b"event" => self.event.name = value.to_vec(),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, Option<String>) {
        let text = |event: Event| {
            let [name, data] = [event.name, event.data].map(|part| String::from_utf8(part).unwrap());
            if name.is_empty() { data } else { format!("{name}!{data}") }
        };
        let (mut decoder, mut events) = (Decoder::default(), Vec::new());
        for piece in pieces {
            decoder.push(piece, &mut events).unwrap();
        }
        (events.into_iter().map(text).collect(), decoder.finish().map(text))
    }

    const STREAM: &str = "\u{feff}data: a\r\n\r\n: ping\ndata:b\rdata:  c\r\revent: error\nid\nretry: soon\n\
                          odd: x\nevent: e\ndata\n\n\n:\n\nid: 1\n\ndata: é\u{1F600}\n\ndata: cut";

    #[test]
    fn lines_end_in_three_ways_and_odd_fields_are_passed_over() {
        let expected = ["a", "b\n c", "e!", "é\u{1F600}"].map(String::from).to_vec();
        assert_eq!(decode([STREAM.as_bytes()]), (expected.clone(), Some("cut".into())));
        assert_eq!(decode(STREAM.as_bytes().chunks(1)), (expected, Some("cut".into())));
    }

    proptest! {
        #[test]
        fn the_cut_does_not_matter(bytes in "[a:d\r\n\u{feff} -]{0,60}", at in 0usize..60) {
            let bytes = format!("{STREAM}{bytes}").into_bytes();
            let (head, tail) = bytes.split_at(at.min(bytes.len()));
            prop_assert_eq!(decode([head, tail]), decode([bytes.as_slice()]));
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut decoder = Decoder::default();
        let piece = b"data: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n".repeat(1024);
        let refused = (0..100).any(|_| decoder.push(&piece, &mut Vec::new()) == Err(EventTooLarge));
        assert!(refused);
    }
}
