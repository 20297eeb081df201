import type { StorageStatus } from 'durably'

const ALMOST = 0.8

/** How much this site stores and may store, in bytes. */
export interface Room {
  usage: number
  quota: number
}

/** Null where the browser does not tell it. */
export function roomOf(storage: StorageStatus | null): Room | null {
  const { usage = null, quota = null } = storage ?? {}
  return usage === null || quota === null || quota === 0 ? null : { usage, quota }
}

export function isAlmostFull({ usage, quota }: Room): boolean {
  return usage > ALMOST * quota
}
