import { durably } from '../durably'

export function JobUnderItsKey() {
  const { trigger, status, output } = durably.count_to.useJob()
  return (
    <section>
      <button onClick={() => void trigger({ to: 3, pause_ms: 0 })}>Count</button>
      <p role="status">{status ?? 'none'}</p>
      <p>Total: {output?.total ?? '–'}</p>
    </section>
  )
}
