//! The one table of error codes. A row gives the enum, the document and (in `api`) the status.

use std::fmt;

/// What went wrong in the large; `api` maps it to a status, the command line to an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The caller can mend the request.
    Invalid,
    /// The thing named does not exist.
    Missing,
    /// The thing is in a state that forbids the call.
    Conflict,
    /// The caller may not.
    Forbidden,
    /// No key, or a wrong one.
    Unauthorized,
    /// Larger than a bound.
    TooLarge,
    /// A kind of file or content that is not read.
    Unsupported,
    /// A queue is full; try later.
    Busy,
    /// Took longer than its bound.
    Timeout,
    /// Another server, which we asked, failed or can't be understood.
    Upstream,
    /// The disk is full.
    NoSpace,
    /// Stored data is damaged.
    Damaged,
    /// A fault of ours or of the machine.
    Internal,
}

macro_rules! codes {
    ($($variant:ident, $name:literal, $kind:ident, $what:literal, $todo:literal;)*) => {
        /// A stable name of what went wrong, the same on the command line, in REST and in reports.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $what] $variant,)*
        }

        impl Code {
            /// Every code, in table order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What went wrong in the large.
            #[must_use]
            pub fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)* }
            }

            /// What happened, in a sentence.
            #[must_use]
            pub fn what(self) -> &'static str {
                match self { $(Self::$variant => $what,)* }
            }

            /// What to do about it, in a sentence.
            #[must_use]
            pub fn todo(self) -> &'static str {
                match self { $(Self::$variant => $todo,)* }
            }
        }
    };
}

codes! {
    // requests
    InvalidRequest, "invalid_request", Invalid, "The request is not what the route takes.", "Compare it with the OpenAPI document.";
    InvalidFilter, "invalid_filter", Invalid, "The filter can't be read.", "Mend the condition that the message names.";
    InvalidVector, "invalid_vector", Invalid, "A vector has the wrong length, or a component that is not a finite number.", "Mend the component that the message names.";
    InvalidPayload, "invalid_payload", Invalid, "A payload is too large, too deep, or writes under the reserved key vitrail.", "Move or shorten the field that the message names.";
    InvalidName, "invalid_name", Invalid, "A name or an id is outside the allowed alphabet.", "Use letters, digits, '-', '_' and '.'.";
    IdentityUnknown, "identity_unknown", Invalid, "The query's own patient, case, lesion or slide is not known, so it can't be left out.", "Say it in the field same, or leave the role out of exclude_same.";
    RoleUnknown, "role_unknown", Invalid, "The collection has no such role.", "Map the role to a payload path when the collection is made.";
    UnknownCollection, "unknown_collection", Missing, "No collection has this name.", "List the collections.";
    UnknownPoint, "unknown_point", Missing, "No point has this id.", "Check the id.";
    UnknownImage, "unknown_image", Missing, "No image has this id.", "Check the id.";
    UnknownJob, "unknown_job", Missing, "No job has this id.", "List the jobs.";
    UnknownModel, "unknown_model", Missing, "No model has this name.", "List the models; deploy/setup brings the default ones.";
    UnknownVector, "unknown_vector", Missing, "The collection has no vector of this name.", "Show the collection.";
    UnknownRoute, "unknown_route", Missing, "No route has this path.", "Read the OpenAPI document.";
    CollectionExists, "collection_exists", Conflict, "A collection of this name exists.", "Take another name, or use the one there is.";
    ContractMismatch, "contract_mismatch", Conflict, "The vector was made by another model contract than the collection's.", "Use the model that the collection is bound to, or add a second named vector.";
    JobState, "job_state", Conflict, "The job is not in a state that allows this.", "Show the job.";
    StoreInUse, "store_in_use", Conflict, "Another process has the store open.", "Use --url with the address that the message names, or stop that process.";
    Unauthorized, "unauthorized", Unauthorized, "The key is missing or wrong.", "Send the key in the header api-key.";
    ForbiddenHost, "forbidden_host", Forbidden, "The Host or Origin header is not this server's.", "Open the server by the address that it printed.";
    ForbiddenPath, "forbidden_path", Forbidden, "The path is outside the folders that this server may read.", "Start the server with --allow-root FOLDER.";
    TooLarge, "too_large", TooLarge, "The request is larger than its bound.", "Send less at a time.";
    TooManyRequests, "too_many_requests", Busy, "A queue is full.", "Try again after the time in Retry-After.";
    TimedOut, "timed_out", Timeout, "The call took longer than its bound.", "Ask for less, or try again.";
    // images
    ImageUnknownFormat, "image_unknown_format", Unsupported, "The bytes are of no kind of image that is read.", "Use JPEG, PNG, TIFF, WebP, BMP or DICOM, or a slide: tiled TIFF, SVS, or what OpenSlide reads (vitrail doctor).";
    ImageUnsupported, "image_unsupported", Unsupported, "The image uses a feature of its format that is not read.", "Convert it to plain JPEG or PNG.";
    ImageDamaged, "image_damaged", Invalid, "The image's bytes are damaged.", "Fetch it again from its source.";
    ImageTruncated, "image_truncated", Invalid, "The image's bytes end too early.", "Fetch it again from its source.";
    ImageEmpty, "image_empty", Invalid, "The file is empty.", "Fetch it again from its source.";
    ImageTooLarge, "image_too_large", TooLarge, "The image has more pixels or bytes than the bound.", "Cut or shrink it, or give it as a tiled slide.";
    ImageBomb, "image_bomb", TooLarge, "The image would inflate to far more than its bytes can mean.", "Check where the file comes from.";
    ImageTooSmall, "image_too_small", Invalid, "The image has too few pixels to mean anything.", "Give a larger picture.";
    ImageTimedOut, "image_timed_out", Timeout, "The image took too long to decode.", "Convert it to a simpler format.";
    ImageIdentifying, "image_identifying", Invalid, "The image may show who somebody is: text burnt into it, or the label of a slide.", "Look at it; where no one is named, allow burnt-in annotation.";
    SlideNoScale, "slide_no_scale", Invalid, "The slide does not say how large its pixels are.", "Give --mpp MICROMETRES.";
    SlideDamaged, "slide_damaged", Invalid, "The slide's structure is damaged.", "Fetch it again from its source.";
    SlideNoTissue, "slide_no_tissue", Invalid, "No tissue was found on the slide.", "Look at the slide: is it empty glass, or is its scale wrong?";
    FileUnreadable, "file_unreadable", Invalid, "The file can't be read.", "Check that it exists and who may read it.";
    TableInvalid, "table_invalid", Invalid, "The metadata table can't be read.", "Mend the line that the message names.";
    RegionsInvalid, "regions_invalid", Invalid, "The GeoJSON of regions can't be read, or has none for this slide.", "Export polygons in level-0 pixels, as QuPath does; in a folder NAME.geojson is for slide NAME.";
    // sources
    SourceForbidden, "source_forbidden", Forbidden, "The address is not one that this server may fetch from.", "Start the server with --allow-source PREFIX.";
    SourceUnauthorized, "source_unauthorized", Invalid, "The source asks for credentials, or refuses those that were given.", "Give credentials that the source takes. They are never stored: a job that is resumed needs them again.";
    SourceMissing, "source_missing", Missing, "The source has nothing at this address.", "Check the address.";
    SourceFailed, "source_failed", Upstream, "The source can't be reached, fails, or answers what can't be read.", "Look at the source; then resume the job.";
    // models
    ModelInvalid, "model_invalid", Invalid, "The model's manifest or files are not what they say.", "Mend the field that the message names.";
    ModelFailed, "model_failed", Internal, "The model failed on this input.", "Run vitrail doctor.";
    RuntimeMissing, "runtime_missing", Internal, "The inference library can't be opened.", "Run deploy/setup, or name it in VITRAIL_ONNXRUNTIME.";
    // store
    NoSpace, "no_space", NoSpace, "The disk is full: reads go on, writes are refused.", "Free space; writing resumes by itself.";
    StoreDamaged, "store_damaged", Damaged, "A stored record is damaged.", "Run vitrail check, and restore from a snapshot.";
    StoreVersion, "store_version", Conflict, "The store was written by a newer program.", "Use that program, or restore a snapshot of this one.";
    StoreFailed, "store_failed", Internal, "The store could not be read or written.", "Read the log line with this request's id.";
    Cancelled, "cancelled", Conflict, "The work was cancelled.", "Resume the job.";
    Internal, "internal", Internal, "Something failed inside.", "Read the log line with this request's id.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_stable_and_single() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
    }
}
