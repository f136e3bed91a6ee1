//! That the reference says everything that the schema does, in tables that can be read.

use insta::assert_snapshot;
use serde_json::json;

use super::super::raw::ScenarioFile;
use super::super::schema::json_of;
use super::marker::parts;
use super::words::Described;
use super::*;

/// A small schema with every form that a table has words for.
fn schema() -> Value {
    json!({
        "properties": {
            "name": { "type": "string", "description": "Its name." },
            "load": { "$ref": "#/$defs/LoadFile", "description": "How much. Default: nothing." },
            "item": { "type": "array", "items": { "$ref": "#/$defs/ItemFile" }, "description": "Things." },
        },
        "required": ["name"],
        "$defs": {
            "LoadFile": {
                "type": "object",
                "properties": {
                    "shape": { "$ref": "#/$defs/ShapeFile", "description": "Its form | shape. Default: `\"flat\"`." },
                    "users": { "type": "integer", "minimum": 1, "maximum": 9, "description": "How many. Required by `flat`." },
                    "pool": { "$ref": "#/$defs/PoolFile", "description": "The pool." },
                    "after": { "$ref": "#/$defs/WaitFile", "title": "an hour > 0", "description": "Added at the end." },
                },
            },
            "PoolFile": {
                "type": "object",
                "required": ["size"],
                "properties": {
                    "size": { "type": "integer", "minimum": 2, "description": "Its size." },
                    "kind": { "type": "boolean", "description": "Its kind." },
                },
            },
            "ItemFile": {
                "properties": {
                    "size": { "description": "As above." },
                    "label": { "description": "A label." },
                    // A metric, and what is only named like one.
                    "throughput": { "type": "string", "description": "Requests completed per second." },
                    "error_rate": { "type": "string", "description": "A fault." },
                },
            },
            "WaitFile": { "type": "string", "title": "a duration with its unit" },
            "ShapeFile": {
                "oneOf": [
                    { "const": "flat", "description": "Always the same." },
                    { "const": "HTTP", "description": "HTTP decides." },
                ],
            },
        },
    })
}

#[test]
fn tables_have_the_keys_in_the_order_of_the_template_and_then_the_others() {
    let template = "\
# Keys

<!-- keys of ScenarioFile: load,
     name -->

<!-- keys of LoadFile as load: users, pool.size, shape -->

Of an item:

<!-- keys of ItemFile but PoolFile -->

<!-- values of load.shape -->

The end.
";
    assert_snapshot!(fill(template, &schema()).unwrap(), @r#"
    # Keys

    | key | value | default | meaning |
    |---|---|---|---|
    | `[load]` | table | nothing | How much. |
    | `name` | text | required | Its name. |
    | `[[item]]` | list of tables | – | Things. |

    | key | value | default | meaning |
    |---|---|---|---|
    | `load.users` | 1 to 9 | required by `flat` | How many. |
    | `load.pool.size` | whole number ≥ 2 | required in `pool` | Its size. |
    | `load.shape` | `"flat"`, `"HTTP"` | `"flat"` | Its form \| shape. `"flat"`: always the same; `"HTTP"`: HTTP decides. |
    | `load.after` | hour > 0 | – | Added at the end. |
    | `load.pool.kind` | boolean | – | Its kind. |

    Of an item:

    | key | value | default | meaning |
    |---|---|---|---|
    | `error_rate` | text | – | A fault. |
    | `label` | any value | – | A label. |

    | value | meaning |
    |---|---|
    | `"flat"` | Always the same. |
    | `"HTTP"` | HTTP decides. |

    The end.
    "#);
}

#[test]
fn a_table_whose_keys_all_stand_elsewhere_is_left_out() {
    let text = fill("<!-- keys of PoolFile but PoolFile -->\n", &schema()).unwrap();
    assert_eq!(text, "");
}

#[test]
fn a_template_that_does_not_fit_the_schema_is_refused() {
    for (template, says) in [
        ("<!-- keys of Nothing: name -->", "no type and no place `Nothing`"),
        ("<!-- values of load.form -->", "no place `load.form`"),
        (
            "<!-- keys of ShapeFile -->",
            "`ShapeFile` of the schema of scenario files is no table",
        ),
        ("<!-- keys of LoadFile: pool.depth -->", "no key `pool.depth`"),
        (
            "<!-- keys of LoadFile without PoolFile -->",
            "not understood: keys of LoadFile without",
        ),
        ("<!-- what is this? -->", "not understood: what is this?"),
        ("<!-- keys of LoadFile:", "not understood: keys of LoadFile:"),
    ] {
        let refused = fill(template, &schema()).unwrap_err();
        assert!(refused.contains(says), "{template}: {refused}");
    }
}

#[test]
fn the_template_is_read_and_leaves_nothing_of_itself() {
    assert!(parts(TEMPLATE).unwrap().len() > 30);
    let text = markdown(&json_of::<ScenarioFile>()).unwrap();
    assert!(!text.contains("<!--"));
    assert!(!text.contains("\n\n\n"), "a table was left out with its place");
}

/// The tables of a schema: one in a place that only it has stands there without a name.
fn tables<'s>(table: &'s Value, found: &mut Vec<&'s Value>) {
    found.push(table);
    for place in table["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(_, place)| place)
    {
        // The statistics of a metric are told with it.
        if place.get("properties").is_some() && place.get("patternProperties").is_none() {
            tables(place, found);
        }
    }
}

/// What a person reads in the editor stands in the reference too: every key of every table, and every value.
#[test]
fn every_description_of_a_key_stands_in_the_reference() {
    let schema = json_of::<ScenarioFile>();
    let definitions = Definitions::new(&schema);
    let text = markdown(&schema).unwrap();
    let mut found = Vec::new();
    for table in schema["$defs"].as_object().unwrap().values().chain([&schema]) {
        tables(table, &mut found);
    }
    let mut keys = 0;
    for (key, place) in found
        .iter()
        .flat_map(|table| table["properties"].as_object().into_iter().flatten())
    {
        let is_table = place.get("patternProperties").is_none() && definitions.table_in(place).is_some();
        if is_table {
            // Its keys are looked for themselves.
            continue;
        }
        let meaning = Described::of(place).meaning;
        let meaning = meaning.split(" Limits of percentiles").next().unwrap();
        assert!(!meaning.is_empty(), "`{key}` has no description");
        assert!(text.contains(&meaning.replace('|', "\\|")), "`{key}`: {meaning}");
        keys += 1;
    }
    assert!(keys > 200, "{keys} keys");
}
