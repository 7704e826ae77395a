//! Types of the domain to types of the disk and back. Every number here is the format's.

use std::collections::BTreeMap;
use std::str::FromStr;

use uuid::Uuid;
use vitrail_domain::{
    CollectionName, Comparator, Dim, ImageId, ImageRecord, Metric, Mpp, Path, Payload, PointId,
    PointRecord, Role, Roles, Slot, Timestamp, VectorName,
};

use crate::codec::{
    CatalogOnDisk, CatalogV1, ChangeOnDisk, ChangedOnDisk, IdOnDisk, ImageOnDisk, JobOnDisk,
    PointOnDisk, RefusalOnDisk, VectorOnDisk,
};
use crate::job::{JobProgress, JobRecord, JobRefusal, JobState};
use crate::log::SlotChange;
use crate::spec::{Catalogued, CollectionSpec, VectorSpec};

const METRICS: [(u8, Metric); 4] =
    [(1, Metric::Cosine), (2, Metric::Dot), (3, Metric::Euclid), (4, Metric::Manhattan)];

/// 0: one row.
const COMPARATORS: [(u8, Option<Comparator>); 2] = [(0, None), (1, Some(Comparator::MaxSim))];

const ROLES: [(u8, Role); 8] = [
    (1, Role::Patient),
    (2, Role::Case),
    (3, Role::Lesion),
    (4, Role::Slide),
    (5, Role::Site),
    (6, Role::Scanner),
    (7, Role::Label),
    (8, Role::Split),
];

const STATES: [(u8, JobState); 6] = [
    (1, JobState::Queued),
    (2, JobState::Running),
    (3, JobState::Done),
    (4, JobState::Failed),
    (5, JobState::Cancelled),
    (6, JobState::Interrupted),
];

const CHANGED_PAYLOAD: u8 = 1;
const CHANGED_VECTORS: u8 = 2;
const CHANGED_DELETED: u8 = 4;
const CHANGED_NEW: u8 = 8;

/// Where a catalog entry stands; what is not ready at the store's opening was left by a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Ready = 1,
    BeingMade = 2,
    BeingDropped = 3,
}

fn number_of<T: PartialEq>(table: &[(u8, T)], wanted: &T) -> u8 {
    table.iter().find(|(_, value)| value == wanted).map_or(0, |(number, _)| *number)
}

fn value_of<T: Copy>(table: &[(u8, T)], wanted: u8, what: &str) -> Result<T, String> {
    let found = table.iter().find(|(number, _)| *number == wanted);
    found.map(|(_, value)| *value).ok_or_else(|| format!("{wanted} is no {what}"))
}

fn text<T: FromStr<Err: ToString>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

pub(crate) fn id_to_disk(id: PointId) -> IdOnDisk {
    match id {
        PointId::Number(number) => IdOnDisk { tag: 0, number, uuid: [0; 16] },
        PointId::Uuid(uuid) => IdOnDisk { tag: 1, number: 0, uuid: uuid.into_bytes() },
    }
}

pub(crate) fn id_from_disk(id: IdOnDisk) -> Result<PointId, String> {
    match id.tag {
        0 => Ok(PointId::Number(id.number)),
        1 => Ok(PointId::Uuid(Uuid::from_bytes(id.uuid))),
        other => Err(format!("{other} is no tag of a point id")),
    }
}

pub(crate) fn point_from_disk(point: PointOnDisk) -> Result<PointRecord, String> {
    let payload = Payload::from_json_bytes(&point.payload)
        .map_err(|error| format!("the payload is not JSON: {error}"))?;
    let image = point.image.map(|image| ImageId(Uuid::from_bytes(image)));
    Ok(PointRecord { id: id_from_disk(point.id)?, image, payload })
}

pub(crate) fn change_to_disk(changes: &[SlotChange]) -> ChangeOnDisk {
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    let changed = changes.iter().map(|change| ChangedOnDisk {
        slot: change.slot.0,
        id: id_to_disk(change.id),
        flags: flag(change.payload, CHANGED_PAYLOAD)
            | flag(change.vectors, CHANGED_VECTORS)
            | flag(change.deleted, CHANGED_DELETED)
            | flag(change.new, CHANGED_NEW),
    });
    ChangeOnDisk { changed: changed.collect() }
}

pub(crate) fn change_from_disk(change: &ChangeOnDisk) -> Result<Vec<SlotChange>, String> {
    let changed = change.changed.iter().map(|changed| {
        Ok(SlotChange {
            slot: Slot(changed.slot),
            id: id_from_disk(changed.id)?,
            payload: changed.flags & CHANGED_PAYLOAD != 0,
            vectors: changed.flags & CHANGED_VECTORS != 0,
            deleted: changed.flags & CHANGED_DELETED != 0,
            new: changed.flags & CHANGED_NEW != 0,
        })
    });
    changed.collect()
}

pub(crate) fn image_to_disk(image: &ImageRecord) -> ImageOnDisk {
    ImageOnDisk {
        uri: image.uri.clone(),
        root: image.root.clone(),
        format: image.format.clone(),
        sha256: image.sha256,
        pixel_hash: image.pixel_hash,
        perceptual_hash: image.perceptual_hash,
        width: image.width,
        height: image.height,
        bytes: image.bytes,
        mpp: image.mpp.map(Mpp::get),
        stored_at: image.stored_at.0,
    }
}

pub(crate) fn image_from_disk(id: ImageId, image: ImageOnDisk) -> Result<ImageRecord, String> {
    Ok(ImageRecord {
        id,
        uri: image.uri,
        root: image.root,
        format: image.format,
        sha256: image.sha256,
        pixel_hash: image.pixel_hash,
        perceptual_hash: image.perceptual_hash,
        width: image.width,
        height: image.height,
        bytes: image.bytes,
        mpp: image.mpp.map(Mpp::new).transpose().map_err(|error| error.to_string())?,
        stored_at: Timestamp(image.stored_at),
    })
}

pub(crate) fn catalog_to_disk(entry: &Catalogued, stage: Stage) -> CatalogOnDisk {
    let vectors = entry.spec.vectors.iter().map(|(name, vector)| VectorOnDisk {
        name: name.to_string(),
        number: entry.numbers.get(name).copied().unwrap_or_default(),
        // A dimension is at most `DIM_MAX`.
        dim: u32::try_from(vector.dim.get()).unwrap_or_default(),
        metric: number_of(&METRICS, &vector.metric),
        model: vector.model.clone(),
        contract: vector.contract.clone(),
        comparator: number_of(&COMPARATORS, &vector.multi),
    });
    let roles = entry.spec.roles.0.iter();
    CatalogOnDisk {
        state: stage as u8,
        name: entry.spec.name.to_string(),
        created_at: entry.spec.created_at.0,
        next_number: entry.next_number,
        vectors: vectors.collect(),
        roles: roles.map(|(role, path)| (number_of(&ROLES, role), path.to_string())).collect(),
    }
}

/// What an entry of version 1 means: each of its vectors has one row.
pub(crate) fn catalog_from_v1(old: CatalogV1) -> CatalogOnDisk {
    let vectors = old.vectors.into_iter().map(|vector| VectorOnDisk {
        name: vector.name,
        number: vector.number,
        dim: vector.dim,
        metric: vector.metric,
        model: vector.model,
        contract: vector.contract,
        comparator: 0,
    });
    CatalogOnDisk {
        state: old.state,
        name: old.name,
        created_at: old.created_at,
        next_number: old.next_number,
        vectors: vectors.collect(),
        roles: old.roles,
    }
}

/// The entry, and whether its collection is ready.
pub(crate) fn catalog_from_disk(
    id: Uuid,
    entry: CatalogOnDisk,
) -> Result<(Catalogued, bool), String> {
    let mut vectors = BTreeMap::new();
    let mut numbers = BTreeMap::new();
    for vector in entry.vectors {
        let name: VectorName = text(&vector.name)?;
        let dim = Dim::new(vector.dim as usize).map_err(|error| error.to_string())?;
        let metric = value_of(&METRICS, vector.metric, "metric")?;
        let multi = value_of(&COMPARATORS, vector.comparator, "comparator")?;
        let VectorOnDisk { model, contract, .. } = vector;
        let spec = VectorSpec { dim, metric, multi, model, contract };
        numbers.insert(name.clone(), vector.number);
        vectors.insert(name, spec);
    }
    let roles = entry.roles.iter().map(|(role, path)| {
        Ok::<_, String>((value_of(&ROLES, *role, "role")?, text::<Path>(path)?))
    });
    let spec = CollectionSpec {
        id,
        name: text(&entry.name)?,
        vectors,
        roles: Roles(roles.collect::<Result<_, _>>()?),
        created_at: Timestamp(entry.created_at),
    };
    let ready = entry.state == Stage::Ready as u8;
    Ok((Catalogued { spec, numbers, next_number: entry.next_number }, ready))
}

pub(crate) fn job_to_disk(job: &JobRecord) -> JobOnDisk {
    JobOnDisk {
        kind: job.kind.clone(),
        collection: job.collection.as_ref().map(ToString::to_string),
        state: number_of(&STATES, &job.state),
        created_at: job.created_at.0,
        updated_at: job.updated_at.0,
        spec: job.spec.clone(),
        total: job.progress.total,
        done: job.progress.done,
        ingested: job.progress.ingested,
        skipped: job.progress.skipped,
        refused: job.progress.refused,
        // At most `JOB_REFUSALS_KEPT`.
        refusals_kept: u32::try_from(job.refusals.len()).unwrap_or(u32::MAX),
        message: job.message.clone(),
    }
}

/// The job without its refusals, which are records of their own.
pub(crate) fn job_from_disk(id: Uuid, job: JobOnDisk) -> Result<JobRecord, String> {
    Ok(JobRecord {
        id,
        kind: job.kind,
        collection: job.collection.as_deref().map(text::<CollectionName>).transpose()?,
        state: value_of(&STATES, job.state, "state of a job")?,
        created_at: Timestamp(job.created_at),
        updated_at: Timestamp(job.updated_at),
        spec: job.spec,
        progress: JobProgress {
            total: job.total,
            done: job.done,
            ingested: job.ingested,
            skipped: job.skipped,
            refused: job.refused,
        },
        refusals: Vec::new(),
        message: job.message,
    })
}

pub(crate) fn refusal_to_disk(refusal: &JobRefusal) -> RefusalOnDisk {
    RefusalOnDisk {
        path: refusal.path.clone(),
        code: refusal.code.clone(),
        message: refusal.message.clone(),
    }
}

pub(crate) fn refusal_from_disk(refusal: RefusalOnDisk) -> JobRefusal {
    JobRefusal { path: refusal.path, code: refusal.code, message: refusal.message }
}
