import { useDurably } from 'durably/react'
import { useEffect, useState } from 'react'

export function EventCounter() {
  const { durably } = useDurably()
  const [count, setCount] = useState(0)
  const [said, setSaid] = useState('')
  useEffect(
    () =>
      durably.subscribe(
        (events) => {
          // How often a lease is renewed depends on the clock alone.
          const told = events.filter(({ type }) => type !== 'run:lease-renewed')
          setCount((before) => before + told.length)
        },
        { jobName: 'zero' },
      ),
    [durably],
  )

  const runMany = async () => {
    const started = await durably.jobs.zero.batchTrigger([{ input: {} }, { input: {} }])
    await Promise.all(started.map(({ runId }) => durably.waitForRun(runId, { jobName: 'zero' })))
    setSaid('Both have completed.')
  }

  return (
    <section>
      <button onClick={() => void runMany()}>Run two</button>
      <p>{count} events</p>
      <p role="status">{said}</p>
    </section>
  )
}
