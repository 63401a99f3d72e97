//! Tables and their rows, told once: the type of a row is also the table's schema.

use crate::value::{Kind, Value};

/// A table of a view.
#[derive(Debug)]
pub struct Table {
    /// What SQL calls it.
    pub name: &'static str,
    /// What a row of it is.
    pub about: &'static str,
    /// Whether a column of it is personal.
    pub personal: bool,
    /// Its columns, those of the key first.
    pub columns: &'static [ColumnDef],
    /// How many columns make up the key.
    pub key: usize,
    /// Further indexes: lists of columns, or of what is computed from one; what stands behind
    /// `WHERE` says which rows are in it.
    pub indexes: &'static [&'static str],
}

/// A column of a table.
#[derive(Debug)]
pub struct ColumnDef {
    /// What SQL calls it.
    pub name: &'static str,
    /// What it says.
    pub about: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may hold nothing.
    pub nullable: bool,
    /// Whether it tells who somebody is: a name, a number of a person, a birth date.
    pub personal: bool,
}

impl Table {
    /// The columns of the key.
    pub fn key_columns(&self) -> impl Iterator<Item = &'static ColumnDef> {
        self.columns.iter().take(self.key)
    }

    /// The column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&'static ColumnDef> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Some of the columns of a table that are not of its key, by their places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Columns(u64);

impl Columns {
    /// All of them that `table` has.
    #[must_use]
    pub fn all(table: &Table) -> Self {
        Self::chosen(table.columns.iter().skip(table.key).map(|_| true))
    }

    /// The columns at the places after the key at which `chosen` says so.
    #[must_use]
    pub fn chosen(chosen: impl IntoIterator<Item = bool>) -> Self {
        let bits = chosen.into_iter().zip(0_u32..);
        let bits = bits.map(|(chosen, place)| u64::from(chosen).checked_shl(place).unwrap_or(0));
        Self(bits.fold(0, |all, bit| all | bit))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether each column after the key is one of them, in order.
    pub fn each(self) -> impl Iterator<Item = bool> {
        (0..u64::BITS).map(move |place| self.0.checked_shr(place).is_some_and(|bits| bits & 1 == 1))
    }

    /// Those of `table`.
    pub fn of(self, table: &'static Table) -> impl Iterator<Item = &'static ColumnDef> {
        let columns = table.columns.iter().skip(table.key).zip(self.each());
        columns.filter_map(|(column, chosen)| chosen.then_some(column))
    }
}

/// The names of columns, with commas between them.
pub(crate) fn names<'a>(columns: impl Iterator<Item = &'a ColumnDef>) -> String {
    let names: Vec<_> = columns.map(|column| column.name).collect();
    names.join(", ")
}

/// What a database holds cannot be a row of the table: it was changed by other hands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a row of {table} is not as it was written")]
pub struct Unfit {
    /// The table.
    pub table: &'static str,
}

/// A row of a table.
pub trait Record: Clone + Send + Sync + 'static {
    /// What tells rows apart.
    type Key: Clone + Ord + std::hash::Hash + Send + 'static;
    /// The table it is a row of.
    const TABLE: &'static Table;
    /// What tells it apart from other rows.
    fn key(&self) -> Self::Key;
    /// The values of a key, in the order of its columns.
    fn key_values(key: &Self::Key) -> Vec<Value>;
    /// The values of the row, in the order of the columns.
    fn values(&self) -> Vec<Value>;
    /// The columns in which it differs from `before`, a row with the same key.
    fn changes(&self, before: &Self) -> Columns;
    /// The values of the key, then those of `columns`.
    fn values_of(&self, columns: Columns) -> Vec<Value>;
    /// The row of such values.
    ///
    /// # Errors
    ///
    /// [`Unfit`].
    fn from_values(values: Vec<Value>) -> Result<Self, Unfit>;
}

/// Defines the type of a row and, with it, its table.
///
/// `key` and `columns` are the fields in order; the documentation of a field is the comment of
/// its column; a column marked `as personal` tells who somebody is; `index` lists further indexes.
macro_rules! record {
    (@personal) => { false };
    (@personal personal) => { true };
    (
        $(#[doc = $about:literal])+
        $row:ident = $table:literal;
        key { $($(#[doc = $key_about:literal])+ $key:ident: $key_type:ty,)+ }
        columns {
            $($(#[doc = $column_about:literal])+
            $column:ident: $column_type:ty $(as $personal:ident)?,)*
        }
        $(index { $($index:literal),+ $(,)? })?
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $row {
            $($(#[doc = $key_about])+ pub $key: $key_type,)+
            $($(#[doc = $column_about])+ pub $column: $column_type,)*
        }

        impl $crate::record::Record for $row {
            type Key = ($($key_type,)+);

            const TABLE: &'static $crate::record::Table = &$crate::record::Table {
                name: $table,
                about: concat!($($about),+),
                personal: false $($(|| $crate::record::record!(@personal $personal))?)*,
                columns: &[
                    $($crate::record::ColumnDef {
                        name: stringify!($key),
                        about: concat!($($key_about),+),
                        kind: <$key_type as $crate::value::Column>::KIND,
                        nullable: <$key_type as $crate::value::Column>::NULLABLE,
                        personal: false,
                    },)+
                    $($crate::record::ColumnDef {
                        name: stringify!($column),
                        about: concat!($($column_about),+),
                        kind: <$column_type as $crate::value::Column>::KIND,
                        nullable: <$column_type as $crate::value::Column>::NULLABLE,
                        personal: $crate::record::record!(@personal $($personal)?),
                    },)*
                ],
                key: [$(stringify!($key)),+].len(),
                indexes: &[$($($index),+)?],
            };

            fn key(&self) -> Self::Key {
                ($(self.$key.clone(),)+)
            }

            fn key_values(key: &Self::Key) -> Vec<$crate::value::Value> {
                let ($($key,)+) = key;
                vec![$($crate::value::Column::to_value($key)),+]
            }

            fn values(&self) -> Vec<$crate::value::Value> {
                vec![
                    $($crate::value::Column::to_value(&self.$key),)+
                    $($crate::value::Column::to_value(&self.$column),)*
                ]
            }

            fn changes(&self, before: &Self) -> $crate::record::Columns {
                // Columns are chosen by the bits of a u64.
                const { assert!(Self::TABLE.columns.len() - Self::TABLE.key <= 64) };
                let changes: &[bool] = &[$(self.$column != before.$column),*];
                $crate::record::Columns::chosen(changes.iter().copied())
            }

            fn values_of(&self, columns: $crate::record::Columns) -> Vec<$crate::value::Value> {
                let mut values = vec![$($crate::value::Column::to_value(&self.$key)),+];
                #[allow(unused_mut, unused_variables, reason = "a table may be all key")]
                let mut chosen = columns.each();
                $(if chosen.next() == Some(true) {
                    values.push($crate::value::Column::to_value(&self.$column));
                })*
                values
            }

            fn from_values(
                values: Vec<$crate::value::Value>,
            ) -> Result<Self, $crate::record::Unfit> {
                let unfit = || $crate::record::Unfit { table: $table };
                let mut values = values.into_iter();
                let row = Self {
                    $($key: values
                        .next()
                        .and_then($crate::value::Column::from_value)
                        .ok_or_else(unfit)?,)+
                    $($column: values
                        .next()
                        .and_then($crate::value::Column::from_value)
                        .ok_or_else(unfit)?,)*
                };
                if values.next().is_none() { Ok(row) } else { Err(unfit()) }
            }
        }
    };
}
pub(crate) use record;
