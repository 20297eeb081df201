import type { Offline, OfflineStatus } from 'durably/offline'
import type { ReactNode } from 'react'
import { Notice } from '../parts/notice'
import { WORDS } from '../words'

const SAID = WORDS.notices

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
        <Notice title={SAID.updating}>
          <p>{SAID.updatingText}</p>
        </Notice>
      )
    case 'available':
      return (
        <Notice
          title={SAID.newVersion}
          actions={
            <button type="button" className="button button-primary" onClick={() => void offline.update()}>
              {SAID.update}
            </button>
          }
        >
          <p>{SAID.newVersionText}</p>
        </Notice>
      )
  }
}
