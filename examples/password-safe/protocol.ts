// What the safe is asked for. A front end's requests have no word for a password; a site's have one, for its own.
import { protocol } from "bailiwick/sdk";

export const Shelf = protocol({
  name: "Shelf",
  methods: {
    next: { label: 1, doc: "The entry behind the one of this site (count 0: the first): its site, and behind it the user. No password.", words: ["count"], returns: ["siteCount", "count"], bytes: "both" },
    fill: {
      label: 2,
      doc: "Log in at this site. Answers when the person at the safe's view has said yes or no. The password goes from the safe to the site.",
      words: ["count"],
      returns: [],
      bytes: "in",
    },
  },
  refusals: { badRequest: 1, notFound: 2, denied: 3, busy: 4, siteAway: 5, failed: 6 },
});

export const Login = protocol({
  name: "Login",
  methods: {
    take: {
      label: 17,
      doc: "For a site: answers when the person lets somebody log in there, with a user of `userCount` bytes and, behind it, the password.",
      words: [],
      returns: ["userCount", "count"],
      bytes: "out",
    },
  },
  refusals: { badRequest: 1, replaced: 2 },
});
