//! Configuration from variables: read once at the start, typed, and refused with everything that is wrong at once.

mod units;

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Display};
use std::str::FromStr;

use zeroize::Zeroizing;

pub use self::units::{
    BaseUrl, ByteSize, Millis, Name, ParseBaseUrlError, ParseByteSizeError, ParseMillisError, ParseNameError,
};

/// Where variables come from.
pub trait Vars: Debug {
    /// The value under `key`; `None` when it is not set. An empty value is a value.
    fn get(&self, key: &str) -> Option<String>;
}

/// The variables of the process. Nothing else in the workspace reads the environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessVars;

impl Vars for ProcessVars {
    #[expect(clippy::disallowed_methods, reason = "the one reader of the environment")]
    fn get(&self, key: &str) -> Option<String> {
        // A value that is not Unicode is given with replacement characters, which no typed reader takes: it is
        // reported as wrong instead of being taken for unset.
        std::env::var_os(key).map(|value| value.to_string_lossy().into_owned())
    }
}

/// Variables held in memory, for tests and for processes that play several deployments. It prints its keys only.
#[derive(Clone, Default)]
pub struct MapVars(BTreeMap<String, String>);

impl MapVars {
    /// Adds a variable.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.0.insert(key.to_owned(), value.to_owned());
        self
    }
}

impl Vars for MapVars {
    fn get(&self, key: &str) -> Option<String> {
        self.0.get(key).cloned()
    }
}

impl Debug for MapVars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MapVars")?;
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A secret from a variable: never empty, printed as nothing, wiped when dropped.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes a secret; `None` when nothing is left after white space at both ends, such as the line feed of a file, is
    /// cut off.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() { None } else { Some(Self(Zeroizing::new(text.to_owned()))) }
    }

    /// The text, for the one use the secret has.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(redacted)")
    }
}

/// Reads a configuration and collects every mistake.
///
/// ```
/// use clyra_service::vars::{MapVars, Millis, Name, VarReader};
///
/// let vars = MapVars::default().with("BUCKET", "evidence");
/// let mut read = VarReader::new(&vars);
/// let bucket = read.required::<Name>("BUCKET");
/// let patience = read.or::<Millis>("PATIENCE", Millis::from_secs(30));
/// let (bucket, patience) = read.finish(|| Some((bucket?, patience?))).unwrap();
/// assert_eq!((bucket.as_str(), patience.get()), ("evidence", 30_000));
/// ```
#[derive(Debug)]
pub struct VarReader<'v> {
    vars: &'v dyn Vars,
    mistakes: Vec<Mistake>,
}

impl<'v> VarReader<'v> {
    /// Starts without a mistake.
    #[must_use]
    pub fn new(vars: &'v dyn Vars) -> Self {
        Self { vars, mistakes: Vec::new() }
    }

    /// A value that must be set.
    pub fn required<T: FromStr<Err: Display>>(&mut self, key: &str) -> Option<T> {
        match self.vars.get(key) {
            Some(text) => self.parse(key, &text),
            None => self.mistake(key, "is not set"),
        }
    }

    /// Names that must all be set, in the order of `keys`.
    pub fn names<const N: usize>(&mut self, keys: [&str; N]) -> Option<[Name; N]> {
        // Every one is read before the first that is missing counts: all mistakes are told at once.
        let names: Vec<Option<Name>> = keys.iter().map(|key| self.required(key)).collect();
        names.into_iter().collect::<Option<Vec<Name>>>()?.try_into().ok()
    }

    /// A value that may be missing; the outer `None` means that it is set and wrong.
    pub fn optional<T: FromStr<Err: Display>>(&mut self, key: &str) -> Option<Option<T>> {
        match self.vars.get(key) {
            Some(text) => self.parse(key, &text).map(Some),
            None => Some(None),
        }
    }

    /// A value with a default; `None` means that it is set and wrong.
    pub fn or<T: FromStr<Err: Display>>(&mut self, key: &str, default: T) -> Option<T> {
        match self.vars.get(key) {
            Some(text) => self.parse(key, &text),
            None => Some(default),
        }
    }

    /// One or two secrets, separated by a comma, newest first: two while a rotation is under way. Missing, empty and
    /// half-empty (`new,`) values are mistakes.
    pub fn secrets(&mut self, key: &str) -> Option<Vec<SecretText>> {
        let Some(text) = self.vars.get(key).map(Zeroizing::new) else {
            return self.mistake(key, "is not set");
        };
        let secrets: Option<Vec<SecretText>> = text.split(',').map(SecretText::new).collect();
        match secrets {
            Some(secrets) if secrets.len() <= 2 => Some(secrets),
            Some(_) => self.mistake(key, "has more than two values separated by commas"),
            None => self.mistake(key, "is set but empty, or has an empty part"),
        }
    }

    /// Like [`Self::secrets`], and `Some(None)` when the variable is not set: the source is off.
    pub fn optional_secrets(&mut self, key: &str) -> Option<Option<Vec<SecretText>>> {
        if self.vars.get(key).is_none() { Some(None) } else { self.secrets(key).map(Some) }
    }

    /// Records a mistake that only the caller can see, such as two values that exclude each other. `what` must not hold
    /// any part of a value.
    pub fn mistake<T>(&mut self, key: &str, what: impl Into<String>) -> Option<T> {
        self.mistakes.push(Mistake { key: key.to_owned(), what: what.into() });
        None
    }

    /// The configuration, if nothing was wrong.
    ///
    /// # Errors
    /// All mistakes, in the order in which they were found.
    pub fn finish<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, VarsError> {
        if self.mistakes.is_empty() {
            // Without a mistake every value was given; a caller that drops one has not recorded why.
            build().ok_or(VarsError { mistakes: Vec::new() })
        } else {
            Err(VarsError { mistakes: self.mistakes })
        }
    }

    fn parse<T: FromStr<Err: Display>>(&mut self, key: &str, text: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => self.mistake(key, format!("is wrong: {error}")),
        }
    }
}

/// One thing that is wrong with the configuration. Values are not repeated: a secret may stand in the wrong variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    key: String,
    what: String,
}

impl Mistake {
    /// The variable.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.what)
    }
}

/// The configuration cannot be used. The process must not start; an operator must correct all that is listed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct VarsError {
    mistakes: Vec<Mistake>,
}

impl VarsError {
    /// Everything that is wrong.
    #[must_use]
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }
}

impl Display for VarsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used")?;
        for (n, mistake) in self.mistakes.iter().enumerate() {
            write!(f, "{} {mistake}", if n == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_told_at_once_and_no_value_is_repeated() {
        let vars = MapVars::default()
            .with("PORT", "hunter2")
            .with("SECRET", "hunter2,")
            .with("OTHER", "hunter2,hunter3,hunter4")
            .with("LIMIT", "hunter2");
        let mut read = VarReader::new(&vars);
        let port = read.required::<u16>("PORT");
        let missing = read.required::<Name>("MISSING");
        let secret = read.secrets("SECRET");
        let other = read.optional_secrets("OTHER");
        let limit = read.or("LIMIT", ByteSize::from_bytes(1));
        let error = read.finish(|| Some((port?, missing?, secret?, other?, limit?))).unwrap_err();
        let keys: Vec<&str> = error.mistakes().iter().map(Mistake::key).collect();
        assert_eq!(keys, ["PORT", "MISSING", "SECRET", "OTHER", "LIMIT"]);
        assert!(!error.to_string().contains("hunter"), "{error}");
        assert!(!format!("{vars:?}").contains("hunter"));
    }

    #[test]
    fn names_are_all_there_or_all_that_miss_are_told() {
        let vars = MapVars::default().with("A", "a").with("B", "b").with("EMPTY", "");
        let mut read = VarReader::new(&vars);
        let names = read.names(["B", "A"]).unwrap();
        assert_eq!(names.each_ref().map(Name::as_str), ["b", "a"]);
        assert!(read.names(["A", "MISSING", "EMPTY"]).is_none());
        let error = read.finish(|| Some(())).unwrap_err();
        let keys: Vec<&str> = error.mistakes().iter().map(Mistake::key).collect();
        assert_eq!(keys, ["MISSING", "EMPTY"]);
    }

    #[test]
    fn absent_is_not_empty() {
        let vars = MapVars::default().with("EMPTY", " \n").with("ROTATING", "new, old\n");
        let mut read = VarReader::new(&vars);
        assert!(matches!(read.optional_secrets("ABSENT"), Some(None)));
        let rotating = read.secrets("ROTATING").unwrap();
        assert_eq!(rotating.iter().map(SecretText::expose).collect::<Vec<_>>(), ["new", "old"]);
        assert_eq!(format!("{rotating:?}"), "[SecretText(redacted), SecretText(redacted)]");
        assert!(read.optional_secrets("EMPTY").is_none());
        assert_eq!(read.optional::<u16>("ABSENT"), Some(None));
        let error = read.finish(|| Some(())).unwrap_err();
        assert_eq!(error.to_string(), "the configuration cannot be used: EMPTY is set but empty, or has an empty part");
    }

    #[test]
    fn the_process_is_read() {
        assert!(ProcessVars.get("PATH").is_some_and(|path| !path.is_empty()));
        assert_eq!(ProcessVars.get("CLYRA_NO_SUCH_VARIABLE"), None);
    }
}
