import { expect, test } from '@jest/globals';
import { obstaclesOf } from './support/console-browser.js';
import { connect, open, serve, shows, useConsole } from './support/console-session.js';
import { event, pushed } from './support/http.js';
import { eventually } from './support/wait.js';

useConsole();

/** Notes what a page writes on canvases, with how many pixels of the canvas are left of it. */
const NOTE_TEXTS = `{
  globalThis.texts = [];
  const { prototype } = CanvasRenderingContext2D;
  const { fillText } = prototype;
  prototype.fillText = function (text, x, y) {
    const { width } = this.measureText(text);
    texts.push([text, this.getTransform().e + x - (this.textAlign === 'right' ? width : width / 2)]);
    fillText.call(this, text, x, y);
  };
}`;

test('the plots’ widest labels are whole', async () => {
  const url = await serve();
  const payload = 'x'.repeat(200_000);
  for (let i = 0; i < 25; i++)
    await pushed(
      url,
      ['a', 'b', 'c', 'd'].map((id) => event(`${id}${i}`, 1, payload)),
    );
  const page = await open(url);
  await page.addInitScript({ content: NOTE_TEXTS });
  await page.reload();
  const texts = () => page.evaluate('texts') as Promise<[text: string, left: number][]>;
  await eventually(
    async () => (await texts()).some(([text]) => /^1\d\.\d MiB$/.test(text)),
    'the bytes are drawn',
  );
  expect((await texts()).filter(([, left]) => left < 0)).toEqual([]);
}, 60_000);

test('users whose ids differ only in spaces look different', async () => {
  const url = await serve();
  for (const id of ['a b', 'a  b']) await connect(url, id);
  const page = await open(url, 'who');
  await page.getByRole('link', { name: 'a' }).nth(1).waitFor();
  expect(await page.locator('.users .id').allInnerTexts()).toEqual(['a  b', 'a b']);
  await page.getByRole('link', { name: 'a  b' }).first().click();
  await page.locator('h1.id').waitFor();
  expect(await page.locator('h1.id').innerText()).toBe('a  b');
}, 60_000);

test('an id as long as one may be that nobody has is said within the window', async () => {
  const page = await open(await serve(), 'who', { width: 360 });
  await page.getByRole('searchbox').fill('z'.repeat(256));
  await shows(page.locator('main'), 'Nobody who is connected has');
  expect(await obstaclesOf(page)).toEqual([]);
}, 60_000);
