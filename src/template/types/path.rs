//! Paths into types: where they lead, what may be missing on the way, and what a path that was
//! taken tells of what it went through.

use std::sync::Arc;

use crate::template::reference::Segment;

use super::{Kind, Presence, Ty};

/// Where a path leads, and what is in its way.
pub(super) struct Walk {
    /// What stands there; any value where it leads nowhere.
    pub(super) ty: Ty,
    /// A part that can never be there.
    pub(super) nowhere: Option<Nowhere>,
    /// The first part that may not be there.
    pub(super) gap: Option<Gap>,
}

/// A part of a path that its holder never has.
pub(super) struct Nowhere {
    /// How many parts of the path come before it.
    pub(super) at: usize,
    /// What has no such part.
    pub(super) holder: Ty,
}

/// A part of a path that its holder may not have.
pub(super) struct Gap {
    /// How many parts of the path come before it.
    pub(super) at: usize,
    pub(super) why: Missing,
}

/// Why a part may be missing.
pub(super) enum Missing {
    /// Its holder may be null.
    HolderIsNull,
    /// Its holder may be null, for this reason.
    HolderIsAbsent(Arc<str>),
    /// It is a field that need not be there.
    FieldIsOptional,
    /// It is a field that nobody names, in a map that may have others.
    FieldIsUnnamed {
        /// What its holder has for sure or perhaps.
        holder: Ty,
    },
}

/// Follows a path.
pub(super) fn walk(from: &Ty, path: &[Segment]) -> Walk {
    let mut here = from.clone();
    let mut gap = None;
    for (at, segment) in path.iter().enumerate() {
        if let Some(why) = here.absent.clone() {
            gap.get_or_insert(Gap { at, why: Missing::HolderIsAbsent(why) });
        } else if here.may_be_null()
            && here.kinds().is_some_and(|mut kinds| kinds.any(|kind| kind != Kind::Null))
        {
            gap.get_or_insert(Gap { at, why: Missing::HolderIsNull });
        }
        if here.is_any() || here.is_never() {
            return Walk { ty: Ty::any(), nowhere: None, gap };
        }
        match part(&here, segment) {
            None => {
                return Walk { ty: Ty::any(), nowhere: Some(Nowhere { at, holder: here.present() }), gap };
            }
            Some((ty, Reach::Sure)) => here = ty,
            Some((ty, Reach::Optional)) => {
                gap.get_or_insert(Gap { at, why: Missing::FieldIsOptional });
                here = ty;
            }
            Some((ty, Reach::Unnamed)) => {
                gap.get_or_insert(Gap { at, why: Missing::FieldIsUnnamed { holder: here } });
                here = ty;
            }
        }
    }
    Walk { ty: here, nowhere: None, gap }
}

/// How sure it is that a part is there, in a value that can have it.
enum Reach {
    Sure,
    Optional,
    Unnamed,
}

/// The part of a value of this type that is not null.
fn part(holder: &Ty, segment: &Segment) -> Option<(Ty, Reach)> {
    let known = holder.known.as_ref()?;
    let field = |name: &str| {
        let fields = known.map.as_ref()?;
        match fields.named.get(name) {
            Some(field) if field.presence == Presence::Required => Some((field.ty.clone(), Reach::Sure)),
            Some(field) => Some((field.ty.clone(), Reach::Optional)),
            None => fields.others.clone().map(|ty| (ty, Reach::Unnamed)),
        }
    };
    match segment {
        Segment::Key(name) => field(name),
        // Whether a list is long enough nobody can say.
        Segment::Index(index) => match &known.list {
            Some(items) if !items.item.is_never() => Some((items.item.clone(), Reach::Sure)),
            Some(_) => Some((Ty::any(), Reach::Sure)),
            None => field(&index.to_string()),
        },
        Segment::Each => (known.list.is_some() || known.map.is_some()).then(|| (holder.item(), Reach::Sure)),
    }
}

/// The type in which the value at a path is changed. All that the path goes through is there then,
/// and is a map.
pub(super) fn put(ty: &Ty, path: &[Segment], change: &mut dyn FnMut(&Ty) -> Ty) -> Ty {
    let Some((first, rest)) = path.split_first() else { return change(ty) };
    let holder = ty.present();
    let Segment::Key(name) = first else { return holder };
    let Some((field, _)) = holder.field(name) else { return holder };
    let field = put(&field, rest, change);
    let holder = holder.with_known(|known| {
        (known.boolean, known.number, known.text, known.list) = (None, None, None, None);
    });
    holder.with_field(name.clone(), field, Presence::Required)
}
