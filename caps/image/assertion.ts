// Claims of a manifest about who can come to hold what, as they stand in a resolved system. caps/graph checks them.

/** Names are components, and things as in caps/graph/authority.ts; a component stands for all that it serves, `platform.DEVICE` for its parts, `platform` for all of it. */
export type Assertion =
  /** None of `from` ever holds a capability to `to`. */
  | { readonly kind: "no-path"; readonly from: readonly string[]; readonly to: string; readonly trusting: readonly string[] }
  /** Nobody but these, and whoever serves it, ever holds a capability to `of`. */
  | { readonly kind: "only-holders"; readonly of: string; readonly are: readonly string[]; readonly trusting: readonly string[] }
  /** No capability that `component` ever holds leads out, and nobody can ask it for anything, but through these. */
  | { readonly kind: "confined"; readonly component: string; readonly holes: readonly string[]; readonly trusting: readonly string[] }
  /** `of` never has more than these rights to `on`. */
  | { readonly kind: "max-rights"; readonly of: string; readonly on: string; readonly rights: number; readonly trusting: readonly string[] }
  /** No data gets from one to the other but through one of `via`, which are trusted. */
  | { readonly kind: "flows-only-via"; readonly from: string; readonly to: string; readonly via: readonly string[]; readonly trusting: readonly string[] };
