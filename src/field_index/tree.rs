//! A filter with what the index knows of each part, and the payloads asked where it doesn't.

use std::collections::BTreeSet;

use roaring::RoaringBitmap;
use vitrail_domain::evaluate::holds;
use vitrail_domain::{Condition, Filter, Path, Payload, PointId, Slot};

use crate::error::FieldError;
use crate::known::Known;
use crate::leaf::Asked;

/// A filter, each condition with what is known of it. As deep as the filter.
pub(crate) struct Tree {
    must: Vec<Node>,
    should: Vec<Node>,
    must_not: Vec<Node>,
    known: Known,
}

enum Node {
    Leaf(Leaf),
    Tree(Tree),
}

struct Leaf {
    known: Known,
    /// The condition alone, for payloads that have to tell.
    alone: Filter,
}

impl Tree {
    /// Asks the index about every condition of `filter`.
    pub(crate) fn of(filter: &Filter, asked: &Asked<'_>) -> Result<Self, FieldError> {
        let nodes = |conditions: &[Condition]| {
            let nodes = conditions.iter().map(|condition| Node::of(condition, asked));
            nodes.collect::<Result<Vec<_>, _>>()
        };
        let must = nodes(&filter.must)?;
        let should = nodes(&filter.should)?;
        let must_not = nodes(&filter.must_not)?;
        let slots = asked.sure | asked.unsure;
        let known = Known::combine(
            &slots,
            must.iter().map(Node::known),
            should.iter().map(Node::known),
            must_not.iter().map(Node::known),
        );
        Ok(Self { must, should, must_not, known })
    }

    /// Where it holds by the index alone.
    pub(crate) fn yes(&self) -> &RoaringBitmap {
        &self.known.yes
    }

    /// Where only the payload tells, by [`Self::holds`].
    pub(crate) fn maybe(&self) -> &RoaringBitmap {
        &self.known.maybe
    }

    /// Whether it holds of the point at `slot`, whose payload is `payload`.
    pub(crate) fn holds(&self, slot: Slot, payload: &Payload) -> bool {
        let holds = |node: &Node| node.holds(slot, payload);
        self.must.iter().all(holds)
            && (self.should.is_empty() || self.should.iter().any(holds))
            && !self.must_not.iter().any(holds)
    }

    /// Adds the paths of conditions that some payload had to tell.
    pub(crate) fn unindexed(&self, paths: &mut BTreeSet<String>) {
        for node in self.must.iter().chain(&self.should).chain(&self.must_not) {
            match node {
                Node::Tree(tree) => tree.unindexed(paths),
                Node::Leaf(leaf) if leaf.known.maybe.is_empty() => {}
                Node::Leaf(leaf) => {
                    paths.extend(leaf.path().map(ToString::to_string));
                }
            }
        }
    }
}

impl Node {
    fn of(condition: &Condition, asked: &Asked<'_>) -> Result<Self, FieldError> {
        Ok(match condition {
            Condition::Filter(inner) => Self::Tree(Tree::of(inner, asked)?),
            Condition::HasId(ids) => Self::Leaf(Leaf::of(asked.ids(ids)?, condition)),
            Condition::Field(path, test) => {
                Self::Leaf(Leaf::of(asked.field(path, test)?, condition))
            }
        })
    }

    fn known(&self) -> &Known {
        match self {
            Self::Leaf(leaf) => &leaf.known,
            Self::Tree(tree) => &tree.known,
        }
    }

    fn holds(&self, slot: Slot, payload: &Payload) -> bool {
        match self {
            Self::Tree(tree) => tree.holds(slot, payload),
            Self::Leaf(leaf) => {
                // A leaf that may hold is a field's: the id does not matter to it.
                let any_id = PointId::Number(0);
                leaf.known.yes.contains(slot.0)
                    || (leaf.known.maybe.contains(slot.0) && holds(&leaf.alone, any_id, payload))
            }
        }
    }
}

impl Leaf {
    fn of(known: Known, condition: &Condition) -> Self {
        let must = if known.maybe.is_empty() { Vec::new() } else { vec![condition.clone()] };
        Self { known, alone: Filter { must, ..Filter::default() } }
    }

    fn path(&self) -> Option<&Path> {
        match self.alone.must.first() {
            Some(Condition::Field(path, _)) => Some(path),
            _ => None,
        }
    }
}
