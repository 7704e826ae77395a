//! Studies -> series -> instances, in the order of their UIDs, series by series. A walk can begin
//! after any instance.

use std::collections::VecDeque;

use super::place::{Level, Place};
use super::qido::{self, Query, uids};
use crate::error::SourceError;
use crate::http::Web;
use crate::item::Item;
use crate::secrets::Credentials;

/// Where a walk stands. It holds the UIDs of the studies, of one study's series, and of one
/// series' instances.
#[derive(Debug)]
pub(crate) struct Walk {
    place: Place,
    /// Study, series and instance after which it begins.
    after: Option<[String; 3]>,
    studies: Option<VecDeque<String>>,
    series: VecDeque<[String; 2]>,
}

impl Walk {
    /// A walk that has not begun; `after` is an instance's address as [`Item::uri`] has it.
    pub fn new(place: Place, after: Option<&str>) -> Result<Self, SourceError> {
        let after = match after {
            None => None,
            Some(uri) => Some(instance_of(uri).ok_or_else(|| SourceError::Address {
                uri: uri.to_owned(),
                why: "it names no instance to go on after".to_owned(),
            })?),
        };
        Ok(Self { place, after, studies: None, series: VecDeque::new() })
    }

    /// The instances of the next series that has any; none at the end.
    pub async fn page(
        &mut self,
        web: &Web,
        credentials: &Credentials,
    ) -> Result<Vec<Item>, SourceError> {
        loop {
            let Some([study, series]) = self.next_series(web, credentials).await? else {
                return Ok(Vec::new());
            };
            let instances = self.instances(web, credentials, &study, &series).await?;
            let place = ["studies", &study, "series", &series, "instances"];
            let after = self.after.as_ref().filter(|after| after[0] == study && after[1] == series);
            let items: Vec<Item> = instances
                .iter()
                .filter(|instance| after.is_none_or(|after| **instance > after[2]))
                .map(|instance| {
                    let url = self.place.resource(&[&place[..], &[instance]].concat());
                    Item { uri: format!("dicomweb+{url}"), bytes: None }
                })
                .collect();
            if !items.is_empty() {
                return Ok(items);
            }
        }
    }

    async fn next_series(
        &mut self,
        web: &Web,
        credentials: &Credentials,
    ) -> Result<Option<[String; 2]>, SourceError> {
        loop {
            if let Some(next) = self.series.pop_front() {
                return Ok(Some(next));
            }
            if self.studies.is_none() {
                self.studies = Some(self.all_studies(web, credentials).await?);
            }
            let Some(study) = self.studies.as_mut().and_then(VecDeque::pop_front) else {
                return Ok(None);
            };
            self.series = self.series_of(web, credentials, study).await?;
        }
    }

    async fn all_studies(
        &self,
        web: &Web,
        credentials: &Credentials,
    ) -> Result<VecDeque<String>, SourceError> {
        let mut all = match &self.place.study {
            Some(study) => vec![study.clone()],
            None => {
                let url = self.place.resource(&["studies"]);
                let filters = self.place.filters_at(Level::Studies);
                uids(web, &Query { url, filters, tag: qido::STUDY, credentials }).await?
            }
        };
        all.retain(|study| self.after.as_ref().is_none_or(|after| *study >= after[0]));
        Ok(all.into())
    }

    async fn series_of(
        &self,
        web: &Web,
        credentials: &Credentials,
        study: String,
    ) -> Result<VecDeque<[String; 2]>, SourceError> {
        let mut all = match &self.place.series {
            Some(series) => vec![series.clone()],
            None => {
                let url = self.place.resource(&["studies", &study, "series"]);
                let filters = self.place.filters_at(Level::Series);
                uids(web, &Query { url, filters, tag: qido::SERIES, credentials }).await?
            }
        };
        let after = self.after.as_ref().filter(|after| after[0] == study);
        all.retain(|series| after.is_none_or(|after| *series >= after[1]));
        Ok(all.into_iter().map(|series| [study.clone(), series]).collect())
    }

    async fn instances(
        &self,
        web: &Web,
        credentials: &Credentials,
        study: &str,
        series: &str,
    ) -> Result<Vec<String>, SourceError> {
        if let Some(instance) = &self.place.instance {
            return Ok(vec![instance.clone()]);
        }
        let url = self.place.resource(&["studies", study, "series", series, "instances"]);
        let filters = self.place.filters_at(Level::Instances);
        uids(web, &Query { url, filters, tag: qido::INSTANCE, credentials }).await
    }
}

/// The UIDs at the end of an instance's address.
fn instance_of(uri: &str) -> Option<[String; 3]> {
    let mut parts = uri.rsplit('/');
    let mut named = |name: &str| {
        let uid = parts.next()?;
        (parts.next()? == name && super::place::is_uid(uid)).then(|| uid.to_owned())
    };
    let (instance, series, study) = (named("instances")?, named("series")?, named("studies")?);
    Some([study, series, instance])
}
