import type { OutputOf } from 'durably'

export function Result({ output }: { output: OutputOf<'count-words'> }) {
  const most = output.most_frequent[0]?.count ?? 1
  return (
    <section className="card" aria-label="Result">
      <h2>{output.words.toLocaleString()} words</h2>
      <ol className="bars">
        {output.most_frequent.map(({ word, count }) => (
          <li key={word}>
            <span>{word}</span>
            <span className="bar" style={{ inlineSize: `${(count / most) * 100}%` }} />
            <span>{count}</span>
          </li>
        ))}
      </ol>
    </section>
  )
}
