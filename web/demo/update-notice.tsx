import type { ReactNode } from 'react'
import type { OfflineStatus } from 'durably/offline'
import { offline } from './durably'
import { Notice } from '../dashboard/parts/notice'

/** A new version waits until the person wants it. */
export function UpdateNotice({ update }: Pick<OfflineStatus, 'update'>): ReactNode {
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
