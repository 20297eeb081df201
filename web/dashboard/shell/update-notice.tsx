import type { Offline, OfflineStatus } from 'durably/offline'
import type { ReactNode } from 'react'
import { Notice } from '../parts/notice'

interface UpdateNoticeProps extends Pick<OfflineStatus, 'update'> {
  offline: Offline
}

/** A new version waits until the person wants it. */
export function UpdateNotice({ offline, update }: UpdateNoticeProps): ReactNode {
  switch (update) {
    case 'none':
      return null
    case 'applying':
      return (
        <Notice title="Going over to the new version…">
          <p>This page is reloaded in a moment.</p>
        </Notice>
      )
    case 'available':
      return (
        <Notice
          title="A new version is there."
          actions={
            <button type="button" className="button button-primary" onClick={() => void offline.update()}>
              Update
            </button>
          }
        >
          <p>Updating reloads this page in all tabs. What runs goes on from its last finished step.</p>
        </Notice>
      )
  }
}
