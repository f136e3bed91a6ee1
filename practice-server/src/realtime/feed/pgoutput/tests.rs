//! Messages as the walsender writes them, and bytes that no server writes.

use proptest::prelude::*;

use super::*;

/// Bytes of a message, put together field by field.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn of(kind: u8) -> Self {
        Self(vec![kind])
    }

    fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(bytes.as_ref());
        self
    }

    fn u32(self, number: u32) -> Self {
        self.raw(number.to_be_bytes())
    }

    fn text(self, text: &str) -> Self {
        self.raw(text).raw([0])
    }

    fn tuple(self, kind: u8, values: &[Datum<'_>]) -> Self {
        let count = u16::try_from(values.len()).unwrap();
        let head = self.raw([kind]).raw(count.to_be_bytes());
        values.iter().fold(head, |bytes, value| match value {
            Datum::Null => bytes.raw("n"),
            Datum::Unchanged => bytes.raw("u"),
            Datum::Text(text) => bytes.raw("t").u32(u32::try_from(text.len()).unwrap()).raw(text),
        })
    }
}

fn tuple<'a>(values: &[Datum<'a>], key_only: bool) -> Tuple<'a> {
    Tuple {
        values: values.to_vec(),
        key_only,
    }
}

fn relation_bytes(schema: &str) -> Vec<u8> {
    Bytes::of(b'R')
        .u32(16_400)
        .text(schema)
        .text("practice_sessions")
        .raw("d")
        .raw(2_u16.to_be_bytes())
        .raw([1])
        .text("id")
        .u32(2_950)
        .u32(u32::MAX)
        .raw([0])
        .text("status")
        .u32(25)
        .u32(u32::MAX)
        .0
}

#[test]
fn a_transactions_start_holds_its_id_and_the_time_of_its_commit() {
    let bytes = Bytes::of(b'B')
        .raw(7_i64.to_be_bytes())
        .raw(1_000_001_i64.to_be_bytes())
        .u32(741)
        .0;
    // 2000-01-01 00:00:01.000001 UTC.
    let committed_unix_us = 946_684_801_000_001;
    assert_eq!(
        decode(&bytes),
        Ok(Message::Begin(Begin {
            xid: 741,
            committed_unix_us
        }))
    );
}

#[test]
fn a_relation_holds_its_columns() {
    let column = |name, type_oid| RelationColumn { name, type_oid };
    for (schema, meant) in [("public", "public"), ("", "pg_catalog")] {
        let expected = Relation {
            id: 16_400,
            schema: meant,
            name: "practice_sessions",
            columns: vec![column("id", 2_950), column("status", 25)],
        };
        assert_eq!(decode(&relation_bytes(schema)), Ok(Message::Relation(expected)));
    }
}

#[test]
fn rows_hold_nulls_unchanged_values_and_texts() {
    let new = [
        Datum::Text("1"),
        Datum::Null,
        Datum::Unchanged,
        Datum::Text("größe"),
    ];
    let key = [Datum::Text("0"), Datum::Null, Datum::Null, Datum::Null];
    let cases = [
        (
            Bytes::of(b'I').u32(5).tuple(b'N', &new),
            Message::Insert {
                relation: 5,
                new: tuple(&new, false),
            },
        ),
        (
            Bytes::of(b'U').u32(5).tuple(b'N', &new),
            Message::Update {
                relation: 5,
                old: None,
                new: tuple(&new, false),
            },
        ),
        (
            Bytes::of(b'U').u32(5).tuple(b'K', &key).tuple(b'N', &new),
            Message::Update {
                relation: 5,
                old: Some(tuple(&key, true)),
                new: tuple(&new, false),
            },
        ),
        (
            Bytes::of(b'U').u32(5).tuple(b'O', &new).tuple(b'N', &new),
            Message::Update {
                relation: 5,
                old: Some(tuple(&new, false)),
                new: tuple(&new, false),
            },
        ),
        (
            Bytes::of(b'D').u32(5).tuple(b'K', &key),
            Message::Delete {
                relation: 5,
                old: tuple(&key, true),
            },
        ),
    ];
    for (Bytes(bytes), message) in cases {
        assert_eq!(decode(&bytes), Ok(message));
    }
}

#[test]
fn what_subscribers_do_not_see_is_passed_over() {
    for (kind, message) in [
        (b'C', Message::Commit),
        (b'T', Message::Truncate),
        (b'Y', Message::Other),
        (b'O', Message::Other),
        (b'M', Message::Other),
    ] {
        assert_eq!(decode(&Bytes::of(kind).raw("whatever").0), Ok(message));
    }
}

#[test]
fn bytes_that_are_no_message_are_refused_with_a_reason() {
    let insert = |values: &[u8]| Bytes::of(b'I').u32(5).raw("N").raw(values).0;
    let cases = [
        (Vec::new(), DecodeError::CutOff("the kind")),
        (vec![b'X'], DecodeError::UnknownKind(b'X')),
        (
            Bytes::of(b'B').raw([0; 15]).0,
            DecodeError::CutOff("the commit time"),
        ),
        (insert(&[0, 1]), DecodeError::CutOff("a value's kind")),
        // Two gigabytes are announced and nothing follows.
        (
            insert(&[0, 1, b't', 0x7f, 0xff, 0xff, 0xff]),
            DecodeError::CutOff("a value"),
        ),
        (
            insert(&[0, 1, b't', 0, 0, 0, 1, 0xff]),
            DecodeError::NotUtf8("a value"),
        ),
        (
            insert(&[0, 1, b'b', 0, 0, 0, 1, b'x']),
            DecodeError::Unexpected {
                found: b'b',
                expected: "a null, an unchanged or a text value",
            },
        ),
        (insert(&[0, 0, 9]), DecodeError::LeftOver(1)),
        (
            Bytes::of(b'D').u32(5).tuple(b'N', &[]).0,
            DecodeError::Unexpected {
                found: b'N',
                expected: "an old row",
            },
        ),
        (Bytes::of(b'D').u32(5).0, DecodeError::CutOff("an old row")),
    ];
    for (bytes, error) in cases {
        assert_eq!(decode(&bytes), Err(error), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn whatever_comes_nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn a_damaged_message_does_not_panic(
        position in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        length in any::<prop::sample::Index>(),
    ) {
        let mut bytes = Bytes(relation_bytes("public")).0;
        let at = position.index(bytes.len());
        bytes[at] = byte;
        let _ = decode(&bytes[..length.index(bytes.len())]);
    }

    #[test]
    fn a_row_reads_back_and_no_part_of_it_passes_for_the_whole(
        texts in proptest::collection::vec(proptest::option::of(".{0,20}"), 0..8),
    ) {
        let values: Vec<_> = texts
            .iter()
            .map(|text| text.as_deref().map_or(Datum::Null, Datum::Text))
            .collect();
        let Bytes(bytes) = Bytes::of(b'I').u32(9).tuple(b'N', &values);
        let insert = Message::Insert { relation: 9, new: tuple(&values, false) };
        prop_assert_eq!(decode(&bytes), Ok(insert));
        for length in 0..bytes.len() {
            prop_assert!(decode(&bytes[..length]).is_err());
        }
    }
}
