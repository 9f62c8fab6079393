//! The path of a request, made from literals and encoded segments: no value can leave its place.

use std::fmt::{self, Write as _};

use url::{Url, form_urlencoded};

use crate::origin::Origin;

/// A path with its query. A segment that no URL can carry (empty, `.` or `..`) makes the whole path invalid, and the
/// request is then not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath {
    path: String,
    query: String,
    valid: bool,
}

/// The link leads to another origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the link leads to another origin")]
pub struct OtherOrigin;

/// The path leads elsewhere than it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path leads elsewhere than it says")]
pub(crate) struct OtherPath;

impl RequestPath {
    /// A path that the program knows, beginning with a slash.
    #[must_use]
    pub fn literal(path: &'static str) -> Self {
        let valid = path.starts_with('/') && !path.contains(['?', '#', '\\']);
        Self { path: path.to_owned(), query: String::new(), valid }
    }

    /// Adds text that the program knows, such as `/artifacts/`.
    #[must_use]
    pub fn then(mut self, text: &'static str) -> Self {
        self.valid &= !text.contains(['?', '#', '\\']);
        self.path.push_str(text);
        self
    }

    /// Adds one segment whose text comes from elsewhere; a slash in it is encoded.
    #[must_use]
    pub fn segment(mut self, text: &str) -> Self {
        self.valid &= !matches!(text, "" | "." | "..");
        if !self.path.ends_with('/') {
            self.path.push('/');
        }
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                self.path.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(self.path, "%{byte:02X}");
            }
        }
        self
    }

    /// Adds several segments separated by slashes, such as the path of an artifact.
    #[must_use]
    pub fn segments(self, text: &str) -> Self {
        text.split('/').fold(self, |path, segment| path.segment(segment))
    }

    /// Adds a parameter to the query.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: &str) -> Self {
        self.query = form_urlencoded::Serializer::new(self.query).append_pair(name, value).finish();
        self
    }

    /// The path of a link to the next page, which must stay on the origin.
    ///
    /// # Errors
    /// When it does not.
    pub fn of_link(link: &str, origin: &Origin) -> Result<Self, OtherOrigin> {
        let url = origin.url().join(link).map_err(|_| OtherOrigin)?;
        let bare = url.username().is_empty() && url.password().is_none();
        if !bare || url.origin() != origin.url().origin() {
            return Err(OtherOrigin);
        }
        Ok(Self { path: url.path().to_owned(), query: url.query().unwrap_or_default().to_owned(), valid: true })
    }

    /// A path that was formatted elsewhere, taken only as it stands.
    ///
    /// # Errors
    /// When a URL parser reads another path from it: one that climbs out of its folder, say, or leads to another origin.
    pub(crate) fn exactly(text: &str, origin: &Origin) -> Result<Self, OtherPath> {
        let path = Self::of_link(text, origin).map_err(|_| OtherPath)?;
        if path.to_string() == text { Ok(path) } else { Err(OtherPath) }
    }

    /// The URL at an origin; `None` when the path is not valid.
    pub(crate) fn at(&self, origin: &Origin) -> Option<Url> {
        let mut url = origin.url().clone();
        url.set_path(&self.path);
        url.set_query(Some(self.query.as_str()).filter(|query| !query.is_empty()));
        // What a parser would understand as leading elsewhere is refused, however it is written.
        let same = url.origin() == origin.url().origin() && url.path() == self.path;
        (self.valid && same).then_some(url)
    }
}

/// Path and query, as a reading names its endpoint.
impl fmt::Display for RequestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if self.query.is_empty() { Ok(()) } else { write!(f, "?{}", self.query) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::origin::PrivateAddresses;

    fn origin() -> Origin {
        Origin::parse("https://example.com", PrivateAddresses::Refused).unwrap()
    }

    #[test]
    fn values_stay_in_their_place() {
        let path = RequestPath::literal("/api/v2/accounts/").segment("1").then("/runs/").segment("a/b?c#d e%2f");
        let path = path.then("/").query("include_related", "trigger,job").query("q", "a&b=c");
        assert_eq!(
            path.to_string(),
            "/api/v2/accounts/1/runs/a%2Fb%3Fc%23d%20e%252f/?include_related=trigger%2Cjob&q=a%26b%3Dc"
        );
        assert_eq!(path.at(&origin()).unwrap().as_str(), format!("https://example.com{path}"));
        let artifact = RequestPath::literal("/artifacts/").segments("compiled/a b/c.sql");
        assert_eq!(artifact.to_string(), "/artifacts/compiled/a%20b/c.sql");
        for bad in ["", ".", "..", "a/../b", "a//b", "/a"] {
            assert_eq!(RequestPath::literal("/artifacts/").segments(bad).at(&origin()), None, "{bad}");
        }
        assert_eq!(
            RequestPath::literal("//evil.example/").at(&origin()).map(|url| url.origin()),
            Some(origin().url().origin())
        );
        assert_eq!(RequestPath::literal("/a?b").at(&origin()), None);
    }

    #[test]
    fn links_stay_on_the_origin() {
        for good in ["/next?offset=100", "https://example.com/next?offset=100", "//example.com/next?offset=100"] {
            assert_eq!(RequestPath::of_link(good, &origin()).unwrap().to_string(), "/next?offset=100", "{good}");
        }
        for bad in [
            "https://evil.example/next",
            "//evil.example/next",
            "http://example.com/next",
            "https://example.com:444/",
            "https://example.com@evil.example/",
            "https://user@example.com/",
            "https://[",
            "javascript:1",
        ] {
            assert_eq!(RequestPath::of_link(bad, &origin()), Err(OtherOrigin), "{bad}");
        }
    }

    #[test]
    fn a_path_from_elsewhere_is_taken_as_it_stands_or_not_at_all() {
        for good in ["/api/v2/accounts/1/runs/2/?include_related=trigger,job", "/runs/2/artifacts/manifest.json?step=3"]
        {
            assert_eq!(RequestPath::exactly(good, &origin()).map(|path| path.to_string()).as_deref(), Ok(good));
        }
        for bad in [
            "/api/v2/accounts/1/runs/../?include_related=trigger",
            "/runs/./1",
            "/runs/%2e%2e/1",
            "/runs/%2E%2E/1",
            "/runs/1#/2",
            "/runs\\1",
            "/runs/1\n",
            " /runs/1",
            "runs/1",
            "",
            "https://example.com/runs/1",
            "//example.com/runs/1",
            "//evil.example/runs/1",
        ] {
            assert_eq!(RequestPath::exactly(bad, &origin()), Err(OtherPath), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_segment_leaves_the_origin_or_its_folder(text in "\\PC{0,20}") {
            if let Some(url) = RequestPath::literal("/folder/").segment(&text).at(&origin()) {
                prop_assert_eq!(url.host_str(), Some("example.com"));
                prop_assert_eq!(url.path_segments().unwrap().count(), 2);
                prop_assert!(url.path().starts_with("/folder/") && url.query().is_none() && url.fragment().is_none());
            }
        }
    }
}
