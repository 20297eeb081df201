import { useOffline } from 'durably/react'
import type { ReactNode } from 'react'
import { DurablyDashboard } from '../dashboard'
import { offline } from './durably'
import { Intro } from './intro'
import { JOBS } from './jobs/registry'
import { hrefWithStorage } from './lib/asked-storage'
import { UpdateNotice } from '../dashboard/shell/update-notice'

export function App(): ReactNode {
  const { update } = useOffline(offline)
  return (
    <DurablyDashboard
      tagline="Python jobs that survive closing the tab"
      jobs={JOBS}
      intro={<Intro />}
      notices={<UpdateNotice offline={offline} update={update} />}
      isLeaving={update === 'applying'}
      storageHref={hrefWithStorage}
    />
  )
}
