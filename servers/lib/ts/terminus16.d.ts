// "bailiwick/terminus16": the console font that the set-up fetches, for openFont. There is no such file: the bundler puts the bytes into the program (servers/operator/bundle.ts).
export declare const terminus16: Uint8Array;
