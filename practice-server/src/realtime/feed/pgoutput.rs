//! The messages of PostgreSQL's logical replication plug-in `pgoutput`, protocol version 1, values as text.
//!
//! Layout: "Logical Replication Message Formats" in PostgreSQL's documentation. A message borrows from the bytes it was
//! read from. Whatever the bytes are, decoding ends in a message or in an error.

/// Microseconds from 1970 to 2000, where PostgreSQL's clock starts.
const POSTGRES_EPOCH_UNIX_US: i64 = 946_684_800_000_000;

/// One message of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    /// What follows, up to the commit, was committed by this transaction.
    Begin(Begin),
    Commit,
    /// The columns that rows of this table have from here on.
    Relation(Relation<'a>),
    Insert {
        relation: u32,
        new: Tuple<'a>,
    },
    Update {
        relation: u32,
        /// There if the key changed, or if the table's replica identity is its whole row.
        old: Option<Tuple<'a>>,
        new: Tuple<'a>,
    },
    Delete {
        relation: u32,
        old: Tuple<'a>,
    },
    Truncate,
    /// A type's name, where a transaction came from, a message of an application: nothing that subscribers see.
    Other,
}

/// The start of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begin {
    pub(crate) xid: u32,
    /// The commit record's time, microseconds since the Unix epoch. It is taken before the flush to disk.
    pub(crate) committed_unix_us: i64,
}

impl Begin {
    /// From the time as PostgreSQL counts it: microseconds since 2000.
    pub(crate) fn new(xid: u32, commit_time_us: i64) -> Self {
        Self {
            xid,
            committed_unix_us: commit_time_us.saturating_add(POSTGRES_EPOCH_UNIX_US),
        }
    }
}

/// A table, as the rows that follow have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relation<'a> {
    pub(crate) id: u32,
    pub(crate) schema: &'a str,
    pub(crate) name: &'a str,
    pub(crate) columns: Vec<RelationColumn<'a>>,
}

/// A column of a [`Relation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RelationColumn<'a> {
    pub(crate) name: &'a str,
    /// Its type, as a row of `pg_type`.
    pub(crate) type_oid: u32,
}

/// The values of a row, in the order of the relation's columns. In the image of a key, what is not part of the key
/// is null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tuple<'a> {
    pub(crate) values: Vec<Datum<'a>>,
    /// Whether only the key's columns are there.
    pub(crate) key_only: bool,
}

/// One value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Datum<'a> {
    Null,
    /// A large value that the update did not touch; the log does not hold it.
    Unchanged,
    Text(&'a str),
}

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("it ends in the middle of {0}")]
    CutOff(&'static str),
    #[error("{0} is not UTF-8")]
    NotUtf8(&'static str),
    #[error("there is no message of kind 0x{0:02x}")]
    UnknownKind(u8),
    #[error("0x{found:02x} stands where {expected} should")]
    Unexpected { found: u8, expected: &'static str },
    #[error("{0} bytes are left over")]
    LeftOver(usize),
}

/// Decodes one message.
///
/// # Errors
/// Bytes that are no message of protocol version 1.
pub(crate) fn decode(bytes: &[u8]) -> Result<Message<'_>, DecodeError> {
    let mut reader = Reader(bytes);
    let message = match reader.u8("the kind")? {
        b'B' => {
            reader.i64("the final position")?;
            let commit_time_us = reader.i64("the commit time")?;
            Message::Begin(Begin::new(reader.u32("the transaction's id")?, commit_time_us))
        }
        b'C' => Message::Commit,
        b'R' => Message::Relation(reader.relation()?),
        b'I' => Message::Insert {
            relation: reader.u32("the relation")?,
            new: reader.new_tuple()?,
        },
        b'U' => {
            let relation = reader.u32("the relation")?;
            let old = reader.old_tuple()?;
            Message::Update {
                relation,
                old,
                new: reader.new_tuple()?,
            }
        }
        b'D' => {
            let relation = reader.u32("the relation")?;
            let old = reader
                .old_tuple()?
                .ok_or_else(|| reader.unexpected("an old row"))?;
            Message::Delete { relation, old }
        }
        b'T' => Message::Truncate,
        b'Y' | b'O' | b'M' => Message::Other,
        unknown => return Err(DecodeError::UnknownKind(unknown)),
    };
    // The rest of these is of no interest.
    let skipped = matches!(message, Message::Commit | Message::Truncate | Message::Other);
    match reader.0.len() {
        left if left > 0 && !skipped => Err(DecodeError::LeftOver(left)),
        _ => Ok(message),
    }
}

/// What has not been read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(DecodeError::CutOff(what))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(DecodeError::CutOff(what))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        self.array(what).map(u32::from_be_bytes)
    }

    fn i64(&mut self, what: &'static str) -> Result<i64, DecodeError> {
        self.array(what).map(i64::from_be_bytes)
    }

    /// A number of things. Fewer than announced may follow, so nothing is reserved for them.
    fn count(&mut self, what: &'static str) -> Result<u16, DecodeError> {
        self.array(what).map(u16::from_be_bytes)
    }

    /// A text that ends with a zero byte.
    fn text(&mut self, what: &'static str) -> Result<&'a str, DecodeError> {
        let end = self
            .0
            .iter()
            .position(|byte| *byte == 0)
            .ok_or(DecodeError::CutOff(what))?;
        let text = self.take(end, what)?;
        self.u8(what)?;
        std::str::from_utf8(text).map_err(|_| DecodeError::NotUtf8(what))
    }

    fn unexpected(&self, expected: &'static str) -> DecodeError {
        match self.0.first() {
            Some(found) => DecodeError::Unexpected {
                found: *found,
                expected,
            },
            None => DecodeError::CutOff(expected),
        }
    }

    fn relation(&mut self) -> Result<Relation<'a>, DecodeError> {
        let id = self.u32("the relation")?;
        let schema = match self.text("the schema's name")? {
            // The catalog's own schema is written as nothing.
            "" => "pg_catalog",
            name => name,
        };
        let name = self.text("the table's name")?;
        self.u8("the replica identity")?;
        let count = self.count("the number of columns")?;
        let column = |_| {
            self.u8("a column's flags")?;
            let name = self.text("a column's name")?;
            let type_oid = self.u32("a column's type")?;
            self.u32("a column's type modifier")?;
            Ok(RelationColumn { name, type_oid })
        };
        Ok(Relation {
            id,
            schema,
            name,
            columns: (0..count).map(column).collect::<Result<_, _>>()?,
        })
    }

    fn new_tuple(&mut self) -> Result<Tuple<'a>, DecodeError> {
        match self.u8("a new row")? {
            b'N' => self.tuple(false),
            found => Err(DecodeError::Unexpected {
                found,
                expected: "a new row",
            }),
        }
    }

    fn old_tuple(&mut self) -> Result<Option<Tuple<'a>>, DecodeError> {
        let key_only = match self.0.first() {
            Some(b'K') => true,
            Some(b'O') => false,
            _ => return Ok(None),
        };
        self.u8("an old row")?;
        self.tuple(key_only).map(Some)
    }

    fn tuple(&mut self, key_only: bool) -> Result<Tuple<'a>, DecodeError> {
        let count = self.count("the number of values")?;
        let value = |_| match self.u8("a value's kind")? {
            b'n' => Ok(Datum::Null),
            b'u' => Ok(Datum::Unchanged),
            b't' => {
                let length = self.u32("a value's length")?;
                let length = usize::try_from(length).map_err(|_| DecodeError::CutOff("a value"))?;
                std::str::from_utf8(self.take(length, "a value")?)
                    .map(Datum::Text)
                    .map_err(|_| DecodeError::NotUtf8("a value"))
            }
            found => Err(DecodeError::Unexpected {
                found,
                expected: "a null, an unchanged or a text value",
            }),
        };
        Ok(Tuple {
            values: (0..count).map(value).collect::<Result<_, _>>()?,
            key_only,
        })
    }
}

#[cfg(test)]
mod tests;
