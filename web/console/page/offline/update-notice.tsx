import type { Offline, OfflineStatus } from 'durably/offline'
import type { ReactNode } from 'react'

/** A new version waits until the person wants it. */
export function UpdateNotice({
  offline,
  update,
}: { offline: Offline } & Pick<OfflineStatus, 'update'>): ReactNode {
  return (
    <div role="status">
      {update === 'available' && (
        <div className="notice">
          <p>
            A new version is there. Updating reloads this page in all tabs; what runs goes on from its last
            finished step.
          </p>
          <button type="button" onClick={() => void offline.update()}>
            Update
          </button>
        </div>
      )}
      {update === 'applying' && <p className="notice">The page goes over to the new version …</p>}
    </div>
  )
}
