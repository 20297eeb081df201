import { useState } from 'react'
import { durably } from '../durably'

export function RunOfAddress() {
  const [told, setTold] = useState<string[]>([])
  const tell = (word: string) => setTold((before) => [...before, word])
  const run = durably['count-to'].useRun(location.hash.split('?')[1] ?? null, {
    onStart: () => tell('start'),
    onComplete: () => tell('complete'),
    onFail: () => tell('fail'),
  })
  return (
    <section>
      <p role="status">{run.status ?? 'none'}</p>
      {run.progress && <progress value={run.progress.current} max={run.progress.total} />}
      <p>Total: {run.output?.total ?? '–'}</p>
      {run.error !== null && <p role="alert">{run.error}</p>}
      <p>Told: {told.join(', ')}</p>
    </section>
  )
}
