//! Feeds: RSS 0.9x, 1.0 and 2.0, Atom and JSON Feed, all in one form.
//!
//! What a feed does not say is null, or an empty list. Times are RFC 3339 in UTC; a time that cannot
//! be read is null. Markup in titles and contents stays as it is, and no link in it is followed.

use serde_json::{Map, json};
use url::Url;

use crate::component::Type;
use crate::value::Json;

use super::time::utc;
use super::xml::{self, Element};

/// What a feed gives.
pub(super) const TYPE: Type = Type::Record(&[
    ("title", Type::Any),
    ("link", Type::Any),
    ("updated", Type::Any),
    ("items", Type::List(&ITEM)),
]);

const ITEM: Type = Type::Record(&[
    ("id", Type::Any),
    ("title", Type::Any),
    ("link", Type::Any),
    ("published", Type::Any),
    ("updated", Type::Any),
    ("summary", Type::Any),
    ("content", Type::Any),
    ("authors", Type::List(&Type::Text)),
    ("categories", Type::List(&Type::Text)),
]);

/// One item, before it is a value.
#[derive(Default)]
struct Item {
    id: Option<String>,
    title: Option<String>,
    link: Option<String>,
    published: Option<String>,
    updated: Option<String>,
    summary: Option<String>,
    content: Option<String>,
    authors: Vec<String>,
    categories: Vec<String>,
}

impl Item {
    fn into_json(self) -> Json {
        json!({
            // Where a feed gives no id, the link is what readers tell items by.
            "id": self.id.or_else(|| self.link.clone()),
            "title": self.title,
            "link": self.link,
            "published": self.published,
            "updated": self.updated,
            "summary": self.summary,
            "content": self.content,
            "authors": self.authors,
            "categories": self.categories,
        })
    }
}

/// Reads a feed; links are made whole where it is known whence it came.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(text: &str, base: Option<&Url>) -> Result<Json, String> {
    if text.trim_start().starts_with('{') {
        let feed = serde_json::from_str(text).map_err(|error| error.to_string())?;
        return from_json(&feed, base);
    }
    let root = xml::read(text)?;
    let (prefix, name) = root.name.split_once(':').unwrap_or(("", &root.name));
    let names = Names { prefix, base };
    match name.to_ascii_lowercase().as_str() {
        "rss" => {
            let channel = names.child(&root, "channel").ok_or("it is RSS without a `channel`")?;
            Ok(names.rss(channel, channel))
        }
        // In RSS 1.0 the items stand beside the channel.
        "rdf" => Ok(names.rss(names.child(&root, "channel").unwrap_or(&root), &root)),
        "feed" => Ok(names.atom(&root)),
        other => {
            let other: String = other.chars().take(40).collect();
            Err(format!("its root is `{other}`, expected `rss`, `RDF` or `feed`"))
        }
    }
}

/// How the feed's own elements are called, and where its links begin.
struct Names<'a> {
    prefix: &'a str,
    base: Option<&'a Url>,
}

impl Names<'_> {
    /// Whether an element is one of the format itself, of this name.
    fn is(&self, element: &Element, name: &str) -> bool {
        match element.name.split_once(':') {
            None => element.name == name,
            Some((prefix, local)) => prefix == self.prefix && local == name,
        }
    }

    fn children<'e>(&self, parent: &'e Element, name: &str) -> impl Iterator<Item = &'e Element> {
        parent.elements().filter(move |child| self.is(child, name))
    }

    fn child<'e>(&self, parent: &'e Element, name: &str) -> Option<&'e Element> {
        self.children(parent, name).next()
    }

    fn text(&self, parent: &Element, name: &str) -> Option<String> {
        self.child(parent, name).and_then(said)
    }

    fn link(&self, link: &str) -> Option<String> {
        absolute(link, self.base)
    }

    fn rss(&self, channel: &Element, holder: &Element) -> Json {
        let updated = ["lastBuildDate", "pubDate"].iter().find_map(|name| self.text(channel, name));
        let updated = updated.or_else(|| foreign(channel, "dc:date").next());
        let items = self.children(holder, "item").map(|item| self.rss_item(item).into_json());
        json!({
            "title": self.text(channel, "title"),
            "link": self.text(channel, "link").and_then(|link| self.link(&link)),
            "updated": updated.and_then(|time| utc(&time)),
            "items": items.collect::<Vec<_>>(),
        })
    }

    fn rss_item(&self, item: &Element) -> Item {
        let guid = self.child(item, "guid");
        let permanent = guid
            .filter(|guid| guid.attribute("isPermaLink") != Some("false"))
            .and_then(said)
            .filter(|guid| guid.starts_with("http://") || guid.starts_with("https://"));
        let authors = self.children(item, "author").filter_map(said);
        let date = self.text(item, "pubDate").or_else(|| foreign(item, "dc:date").next());
        let updated = foreign(item, "atom:updated").chain(foreign(item, "dcterms:modified")).next();
        Item {
            id: guid.and_then(said).or_else(|| item.attribute("rdf:about").map(str::to_owned)),
            title: self.text(item, "title").or_else(|| foreign(item, "dc:title").next()),
            link: self.text(item, "link").or(permanent).and_then(|link| self.link(&link)),
            published: date.and_then(|time| utc(&time)),
            updated: updated.and_then(|time| utc(&time)),
            summary: self.text(item, "description"),
            content: foreign(item, "content:encoded").next(),
            authors: authors.chain(foreign(item, "dc:creator")).collect(),
            categories: self
                .children(item, "category")
                .filter_map(said)
                .chain(foreign(item, "dc:subject"))
                .collect(),
        }
    }

    fn atom(&self, feed: &Element) -> Json {
        let entries = self.children(feed, "entry").map(|entry| self.atom_item(entry).into_json());
        json!({
            "title": self.atom_text(feed, "title"),
            "link": self.atom_link(feed),
            "updated": self.text(feed, "updated").and_then(|time| utc(&time)),
            "items": entries.collect::<Vec<_>>(),
        })
    }

    fn atom_item(&self, entry: &Element) -> Item {
        // Atom 0.3 had names of its own for these.
        let time =
            |names: [&str; 2]| names.iter().find_map(|name| self.text(entry, name)).and_then(|t| utc(&t));
        Item {
            id: self.text(entry, "id"),
            title: self.atom_text(entry, "title"),
            link: self.atom_link(entry),
            published: time(["published", "issued"]),
            updated: time(["updated", "modified"]),
            summary: self.atom_text(entry, "summary"),
            content: self.atom_text(entry, "content"),
            authors: self.children(entry, "author").filter_map(|author| self.text(author, "name")).collect(),
            categories: self
                .children(entry, "category")
                .filter_map(|category| category.attribute("term").map(str::to_owned))
                .collect(),
        }
    }

    /// A text that may be markup, of which the wrapping element goes.
    fn atom_text(&self, parent: &Element, name: &str) -> Option<String> {
        let element = self.child(parent, name)?;
        if element.elements().next().is_none() {
            return said(element);
        }
        let inner = match element.elements().collect::<Vec<_>>()[..] {
            [div] if element.text().is_empty() && div.name.rsplit(':').next() == Some("div") => div,
            _ => element,
        };
        Some(inner.markup()).filter(|markup| !markup.is_empty())
    }

    fn atom_link(&self, parent: &Element) -> Option<String> {
        let of_rel = |rel: &str| {
            self.children(parent, "link")
                .find(|link| link.attribute("rel").unwrap_or("alternate") == rel)
                .and_then(|link| link.attribute("href"))
        };
        of_rel("alternate").or_else(|| of_rel("self")).and_then(|link| self.link(link))
    }
}

/// The texts of the elements that other vocabularies have added, by their usual prefix.
fn foreign<'e>(parent: &'e Element, name: &'static str) -> impl Iterator<Item = String> + 'e {
    parent.elements().filter(move |child| child.name == name).filter_map(said)
}

/// The text of an element, where there is some.
fn said(element: &Element) -> Option<String> {
    Some(element.text()).filter(|text| !text.is_empty())
}

/// A link in full, or as it stands where it is not known whence it came.
pub(super) fn absolute(link: &str, base: Option<&Url>) -> Option<String> {
    let link = link.trim();
    if link.is_empty() {
        return None;
    }
    Some(base.and_then(|base| base.join(link).ok()).map_or_else(|| link.to_owned(), String::from))
}

fn from_json(feed: &Json, base: Option<&Url>) -> Result<Json, String> {
    let is_feed = feed.get("version").and_then(Json::as_str).is_some_and(|v| v.contains("jsonfeed.org"));
    let Some(items) = feed.get("items").and_then(Json::as_array).filter(|_| is_feed) else {
        return Err("it is JSON, but no JSON Feed: `version` or `items` is missing".to_owned());
    };
    let text = |of: &Json, name: &str| match of.get(name) {
        Some(Json::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(Json::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let link = |of: &Json, name: &str| text(of, name).and_then(|link| absolute(&link, base));
    let time = |of: &Json, name: &str| text(of, name).and_then(|time| utc(&time));
    let none = Vec::new();
    let list = |of: &Json, name: &str| of.get(name).and_then(Json::as_array).unwrap_or(&none).clone();
    let items = items.iter().map(|item| {
        let mut authors = list(item, "authors");
        authors.extend(item.get("author").filter(|_| authors.is_empty()).cloned());
        Item {
            id: text(item, "id"),
            title: text(item, "title"),
            link: link(item, "url").or_else(|| link(item, "external_url")),
            published: time(item, "date_published"),
            updated: time(item, "date_modified"),
            summary: text(item, "summary"),
            content: text(item, "content_html").or_else(|| text(item, "content_text")),
            authors: authors.iter().filter_map(|author| text(author, "name")).collect(),
            categories: list(item, "tags").iter().filter_map(|tag| tag.as_str().map(str::to_owned)).collect(),
        }
        .into_json()
    });
    let mut whole = Map::new();
    whole.insert("title".to_owned(), json!(text(feed, "title")));
    whole.insert("link".to_owned(), json!(link(feed, "home_page_url")));
    whole.insert("updated".to_owned(), Json::Null);
    whole.insert("items".to_owned(), items.collect());
    Ok(Json::Object(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn feed(text: &str) -> Json {
        read(text, Some(&Url::parse("https://example.org/feed/").unwrap())).unwrap()
    }

    #[test]
    fn rss_2_is_read_with_its_usual_additions() {
        let text = r#"<rss version="2.0" xmlns:dc="d" xmlns:content="c" xmlns:media="m"><channel>
            <title>News</title><atom:link xmlns:atom="a" href="x" rel="self"/><link>https://example.org/</link>
            <lastBuildDate>Mon, 23 Nov 2026 10:00:00 +0100</lastBuildDate>
            <item><title>One &amp; only</title><media:title>no</media:title><link>/one</link><guid isPermaLink="false">g1</guid>
              <pubDate>Mon, 23 Nov 2026 08:00:00 GMT</pubDate><description><![CDATA[<p>short</p>]]></description>
              <content:encoded>&lt;p&gt;long&lt;/p&gt;</content:encoded><dc:creator>Ann</dc:creator>
              <category>a</category><category>b</category></item>
            <item><guid>https://example.org/2</guid><pubDate>soon</pubDate></item>
            </channel></rss>"#;
        let value = json!({
            "title": "News", "link": "https://example.org/", "updated": "2026-11-23T09:00:00Z",
            "items": [
                {"id": "g1", "title": "One & only", "link": "https://example.org/one",
                 "published": "2026-11-23T08:00:00Z", "updated": null, "summary": "<p>short</p>",
                 "content": "<p>long</p>", "authors": ["Ann"], "categories": ["a", "b"]},
                {"id": "https://example.org/2", "title": null, "link": "https://example.org/2",
                 "published": null, "updated": null, "summary": null, "content": null,
                 "authors": [], "categories": []},
            ],
        });
        assert_eq!(feed(text), value);
    }

    #[test]
    fn rss_1_and_0_91_are_read() {
        let one = feed(
            r#"<rdf:RDF xmlns:rdf="r" xmlns="http://purl.org/rss/1.0/" xmlns:dc="d">
               <channel rdf:about="c"><title>R</title></channel>
               <item rdf:about="https://example.org/a"><title>A</title><dc:date>2026-11-23</dc:date></item></rdf:RDF>"#,
        );
        assert_eq!(one["title"], "R");
        assert_eq!(one["items"][0]["id"], "https://example.org/a");
        assert_eq!(one["items"][0]["published"], "2026-11-23T00:00:00Z");
        let old = feed(
            r#"<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://my.netscape.com/rss.dtd">
               <rss version="0.91"><channel><title>O</title><item><title>A</title><link>a</link></item></channel></rss>"#,
        );
        assert_eq!(old["items"][0]["id"], "https://example.org/feed/a");
    }

    #[test]
    fn atom_is_read_also_under_a_prefix() {
        let text = r#"<a:feed xmlns:a="http://www.w3.org/2005/Atom"><a:title type="text">T</a:title>
            <a:link rel="self" href="self"/><a:link href="home"/><a:updated>2026-11-23T10:00:00+01:00</a:updated>
            <a:entry><a:id>urn:1</a:id><a:title>E</a:title><a:link rel="enclosure" href="x.mp3"/><a:link href="/e"/>
            <a:published>2026-11-22T10:00:00Z</a:published><a:updated>2026-11-23T10:00:00Z</a:updated>
            <a:author><a:name>Bob</a:name></a:author><a:category term="t"/>
            <a:content type="xhtml"><div xmlns="h">Hi <b>you</b></div></a:content></a:entry></a:feed>"#;
        let feed = feed(text);
        assert_eq!((&feed["title"], &feed["link"]), (&json!("T"), &json!("https://example.org/feed/home")));
        let item = &feed["items"][0];
        assert_eq!(
            (&item["link"], &item["content"]),
            (&json!("https://example.org/e"), &json!("Hi <b>you</b>"))
        );
        assert_eq!((&item["authors"], &item["categories"]), (&json!(["Bob"]), &json!(["t"])));
    }

    #[test]
    fn json_feeds_are_read() {
        let text = r#"{"version": "https://jsonfeed.org/version/1.1", "title": "J", "home_page_url": "/",
            "items": [{"id": 7, "url": "/7", "content_text": "hi", "date_published": "2026-11-23T10:00:00+01:00",
                       "authors": [{"name": "Eve"}], "tags": ["x", 1]}]}"#;
        let feed = feed(text);
        assert_eq!((&feed["link"], &feed["items"][0]["id"]), (&json!("https://example.org/"), &json!("7")));
        assert_eq!(feed["items"][0]["published"], "2026-11-23T09:00:00Z");
        assert_eq!(feed["items"][0]["categories"], json!(["x"]));
    }

    #[test]
    fn what_is_no_feed_is_told() {
        for (text, said) in [
            ("<html></html>", "its root is `html`"),
            ("{}", "no JSON Feed"),
            ("<rss/>", "without a `channel`"),
        ] {
            assert!(read(text, None).unwrap_err().contains(said), "{text}");
        }
    }
}
