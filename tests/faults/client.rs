//! A writing client that remembers what was acknowledged, and what must therefore be there.
#![expect(clippy::expect_used, reason = "a test's helpers may")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::dice::Dice;
use crate::process::{Answer, Client};

/// What a point is: which vector it has, and its payload.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    version: u64,
    payload: Value,
}

/// Points after a call; `None` for one that is gone.
type After = Vec<(u64, Option<State>)>;

/// What is written, and how much of it.
#[derive(Clone, Copy)]
pub struct Load {
    pub dim: usize,
    pub batch: u64,
    pub ids_per_writer: u64,
    pub writers: u64,
}

/// One writer: its own ids, what they are, and the call whose answer never came.
pub struct Writer {
    first_id: u64,
    load: Load,
    dice: Dice,
    points: BTreeMap<u64, State>,
    version: u64,
    round: u64,
    doubt: Option<After>,
    pub acknowledged: u64,
    /// Refused calls by status; of these nothing may be there.
    pub refused: BTreeMap<u16, u64>,
}

const COLLECTION: &str = "/v1/collections/c";
const POINTS: &str = "/v1/collections/c/points";

/// Components that are short on the wire and exact in f32.
pub fn vector(id: u64, version: u64, dim: usize) -> Vec<u8> {
    let mut dice = Dice(id << 32 ^ version);
    let mut vector = Vec::with_capacity(dim + 16);
    while vector.len() < dim {
        let mut many = dice.roll(u64::MAX);
        for _ in 0..16 {
            vector.push((many % 10) as u8);
            many /= 10;
        }
    }
    vector.truncate(dim);
    vector
}

/// As JSON, without a value made of each component.
fn text(vector: &[u8]) -> String {
    let mut text = String::with_capacity(vector.len() * 2 + 1);
    for (at, digit) in vector.iter().enumerate() {
        text.push(if at == 0 { '[' } else { ',' });
        text.push(char::from(b'0' + digit));
    }
    text + "]"
}

/// Makes the collection.
pub fn create(client: &Client, load: Load) {
    let made = json!({"vectors": {"v": {"dim": load.dim, "metric": "euclid"}}});
    let (status, said) = client.ask("PUT", COLLECTION, Some(&made)).expect("an answer");
    assert_eq!(status, 201, "{said}");
}

/// Writers with ids of their own.
pub fn writers(load: Load, dice: &mut Dice) -> Vec<Writer> {
    let writer = |number| Writer {
        first_id: number * 1_000_000,
        load,
        dice: Dice(dice.roll(u64::MAX)),
        points: BTreeMap::new(),
        version: 0,
        round: 0,
        doubt: None,
        acknowledged: 0,
        refused: BTreeMap::new(),
    };
    (0..load.writers).map(writer).collect()
}

/// Lets all writers write, each in its thread, until `meanwhile` returns and the last call ends.
pub fn write_while<T>(client: &Client, writers: &mut [Writer], meanwhile: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in writers {
            let stop = &stop;
            scope.spawn(move || while !stop.load(Ordering::Relaxed) && writer.write(client) {});
        }
        let made = meanwhile();
        stop.store(true, Ordering::Relaxed);
        made
    })
}

impl Writer {
    pub fn begin_round(&mut self, round: u64) {
        self.round = round;
    }

    /// One of its points.
    pub fn any_point(&self) -> u64 {
        self.points.keys().next().copied().unwrap_or_default()
    }

    /// One call; whether the server is still there.
    pub fn write(&mut self, client: &Client) -> bool {
        assert!(self.doubt.is_none(), "the last call is not settled");
        let (answer, after) = self.call(client);
        match answer {
            Some((200, _)) => {
                self.acknowledged += 1;
                self.settle(after);
            }
            Some((507, said)) => {
                assert_eq!(said["error"]["code"], json!("no_space"), "{said}");
                *self.refused.entry(507).or_default() += 1;
            }
            // The server can't say what became of it.
            Some((status, said)) => {
                assert_eq!(status, 500, "{said}");
                *self.refused.entry(status).or_default() += 1;
                self.doubt = Some(after);
                return false;
            }
            None => {
                self.doubt = Some(after);
                return false;
            }
        }
        true
    }

    fn call(&mut self, client: &Client) -> (Answer, After) {
        let live: Vec<u64> = self.points.keys().copied().collect();
        let count = 1 + self.dice.roll(self.load.batch) as usize;
        match self.dice.roll(10) {
            0 | 1 if !live.is_empty() => self.tag(client, &live, count),
            2 if live.len() > 20 => self.delete(client, &live, count.div_ceil(4)),
            _ => self.upsert(client, count),
        }
    }

    /// New points and new vectors of old ones.
    fn upsert(&mut self, client: &Client, count: usize) -> (Answer, After) {
        let (mut after, mut points) = (After::new(), Vec::new());
        for _ in 0..count {
            let id = self.first_id + self.dice.roll(self.load.ids_per_writer);
            if after.iter().any(|(other, _)| *other == id) {
                continue;
            }
            self.version += 1;
            let (version, round) = (self.version, self.round);
            let payload = json!({"n": version, "round": round, "half": version % 2 == 0});
            let vector = text(&vector(id, version, self.load.dim));
            points.push(format!(r#"{{"id":{id},"vector":{vector},"payload":{payload}}}"#));
            after.push((id, Some(State { version, payload })));
        }
        let body = format!(r#"{{"points":[{}]}}"#, points.join(","));
        (client.send("POST", POINTS, body.into_bytes()), after)
    }

    /// Payloads alone.
    fn tag(&mut self, client: &Client, live: &[u64], count: usize) -> (Answer, After) {
        let ids = self.dice.some(live, count);
        let (tag, round) = (format!("t{}", self.dice.roll(1_000)), self.round);
        let body = json!({"set": {"tag": tag, "round": round}, "remove": ["half"], "ids": ids});
        let changed = |id: u64| {
            let mut state = self.points[&id].clone();
            let fields = state.payload.as_object_mut().expect("fields");
            fields.remove("half");
            fields.insert("tag".to_owned(), json!(tag));
            fields.insert("round".to_owned(), json!(round));
            (id, Some(state))
        };
        let after = ids.iter().copied().map(changed).collect();
        (client.post(&format!("{POINTS}/payload"), &body), after)
    }

    fn delete(&mut self, client: &Client, live: &[u64], count: usize) -> (Answer, After) {
        let ids = self.dice.some(live, count);
        let after = ids.iter().map(|id| (*id, None)).collect();
        (client.ask("DELETE", POINTS, Some(&json!({"ids": ids}))), after)
    }

    fn settle(&mut self, after: After) {
        for (id, state) in after {
            match state {
                Some(state) => drop(self.points.insert(id, state)),
                None => drop(self.points.remove(&id)),
            }
        }
    }

    /// The call in doubt happened as a whole or not at all.
    fn settle_doubt(&mut self, found: &Found, problems: &mut Vec<String>) {
        let Some(after) = self.doubt.take() else { return };
        let happened = after.iter().all(|(id, state)| found.is(*id, state.as_ref(), self.load.dim));
        let is_before = |id: u64| found.is(id, self.points.get(&id), self.load.dim);
        if happened {
            self.settle(after);
        } else if !after.iter().all(|(id, _)| is_before(*id)) {
            let ids: Vec<u64> = after.iter().map(|(id, _)| *id).collect();
            problems.push(format!("a call happened by half, of points {ids:?}"));
        }
    }
}

/// Points as the server shows them.
struct Found(BTreeMap<u64, Value>);

impl Found {
    fn of(client: &Client, filter: &Value, with_vectors: bool) -> Self {
        let mut found = BTreeMap::new();
        let mut after = Value::Null;
        loop {
            let mut asked = json!({"limit": 1_000, "with_vectors": with_vectors, "filter": filter});
            if !after.is_null() {
                asked["after"] = after;
            }
            let answer = client.post(&format!("{POINTS}/scroll"), &asked);
            let (status, mut page) = answer.expect("a page");
            assert_eq!(status, 200, "{page}");
            for point in page["points"].as_array_mut().expect("points") {
                let id = point["id"].as_u64().expect("an id");
                assert!(found.insert(id, point.take()).is_none(), "point {id} comes twice");
            }
            after = page["next"].take();
            if after.is_null() {
                return Self(found);
            }
        }
    }

    /// Whether a point is as it should be; vectors where they were asked for.
    fn is(&self, id: u64, state: Option<&State>, dim: usize) -> bool {
        let (Some(point), Some(state)) = (self.0.get(&id), state) else {
            return self.0.contains_key(&id) == state.is_some();
        };
        let vector_fits = || {
            let Some(shown) = point["vectors"]["v"].as_array() else { return true };
            let shown = shown.iter().map(|number| number.as_f64().unwrap_or(f64::NAN));
            shown.eq(vector(id, state.version, dim).into_iter().map(f64::from))
        };
        point["payload"] == state.payload && vector_fits()
    }
}

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Look {
    /// At every payload, and at the vectors that were written in this round.
    Round(u64),
    /// At every vector too.
    Whole,
}

/// What of all that was acknowledged is not there; settles what was in doubt.
pub fn problems(client: &Client, writers: &mut [Writer], look: Look) -> Vec<String> {
    let mut problems = Vec::new();
    let mut found = Found::of(client, &Value::Null, look == Look::Whole);
    if let Look::Round(round) = look {
        let filter = json!({"must": [{"key": "round", "match": {"value": round}}]});
        let of_round = Found::of(client, &filter, true);
        let is_of_round = |point: &Value| point["payload"]["round"] == json!(round);
        if !found
            .0
            .iter()
            .filter(|(_, point)| is_of_round(point))
            .map(|(id, _)| id)
            .eq(of_round.0.keys())
        {
            problems.push(format!("the filter of round {round} finds other points than it should"));
        }
        found.0.extend(of_round.0);
    }
    let mut known = 0;
    for writer in writers.iter_mut() {
        writer.settle_doubt(&found, &mut problems);
        known += writer.points.len();
        for (id, state) in &writer.points {
            if !found.is(*id, Some(state), writer.load.dim) {
                let shown = found.0.get(id).map(|point| point["payload"].to_string());
                let shown = shown.unwrap_or_else(|| "nothing".to_owned());
                problems.push(format!("point {id}: {shown}, not {state:?}"));
            }
        }
    }
    if found.0.len() > known && problems.is_empty() {
        problems.push(format!("{} points, and {known} were written", found.0.len()));
    }
    problems.extend(searched(client, writers));
    problems
}

/// Some of the points, looked for by their vectors.
fn searched(client: &Client, writers: &mut [Writer]) -> Vec<String> {
    let mut problems = Vec::new();
    for writer in writers {
        let ids: Vec<u64> = writer.points.keys().copied().collect();
        for id in writer.dice.some(&ids, 3) {
            let vector = vector(id, writer.points[&id].version, writer.load.dim);
            let asked = json!({"vector": vector, "k": 1, "percentiles": false});
            let (status, found) =
                client.post(&format!("{COLLECTION}/similar"), &asked).expect("it");
            if status != 200 || found["hits"][0]["id"] != json!(id) {
                problems.push(format!("point {id} is not found by its vector: {found}"));
            }
        }
    }
    problems
}

/// Points that must be there.
pub fn points(writers: &[Writer]) -> usize {
    writers.iter().map(|writer| writer.points.len()).sum()
}

/// Calls that were acknowledged.
pub fn acknowledged(writers: &[Writer]) -> u64 {
    writers.iter().map(|writer| writer.acknowledged).sum()
}
